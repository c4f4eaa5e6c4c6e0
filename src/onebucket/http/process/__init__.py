"""The server process: listening, file descriptors and workers."""
