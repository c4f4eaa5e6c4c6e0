"""Encoding and parsing: response formats, request bodies and timestamps. Knows nothing of accounts or groups."""
