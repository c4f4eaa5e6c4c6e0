"""The process that serves: listening, file descriptors, workers."""
