"""Authentication of requests: credentials, OAuth 1 signatures, and limits on failed attempts."""
