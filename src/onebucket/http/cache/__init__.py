"""Cached responses, and how it is known that they still hold."""
