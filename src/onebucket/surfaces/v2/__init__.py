"""The addresses of 2.0, as far as they are there."""
