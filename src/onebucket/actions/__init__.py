"""What can be done: one function for each change, named by a verb; no HTTP, no SQL."""
