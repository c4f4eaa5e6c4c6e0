"""Mirrors: what is decided here is compared with a code host, and carried there. Knows no host by name."""
