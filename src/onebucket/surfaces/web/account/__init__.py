"""Pages about an account: groups, privileges, invitations, OAuth apps, journal and access checks."""
