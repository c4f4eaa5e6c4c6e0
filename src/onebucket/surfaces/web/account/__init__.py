"""Pages of an account: its groups, privileges, invitations, OAuth apps and journal."""
