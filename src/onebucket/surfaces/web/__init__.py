"""Server-rendered web pages, over the same actions as the API."""
