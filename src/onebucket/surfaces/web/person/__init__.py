"""Pages about a person: sign-in, profile, app passwords, OAuth consent and invitations."""
