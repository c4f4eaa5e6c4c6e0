"""Version 1.0 of the API: its routes, handlers and response shapes."""
