"""Pages of a person: signing in, their addresses, app passwords and invitations."""
