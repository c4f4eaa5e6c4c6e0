"""Version 2.0 of the API."""
