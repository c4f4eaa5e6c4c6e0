"""What the server offers over HTTP: API 1.0, 2.0, extensions and web pages, each over the same actions.

No surface imports another.
"""
