"""OAuth 1.0a and 2: the endpoints, the authorization server and its grants."""
