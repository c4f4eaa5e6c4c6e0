"""Outgoing mail: rendered from templates, sent over SMTP or written into a folder, retried until it is delivered."""
