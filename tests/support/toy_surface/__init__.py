"""A surface of four files: groups with paged lists, JSON errors, statuses and scopes of its own."""
