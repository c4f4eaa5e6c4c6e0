"""What the original never had: access checks, invitations, app passwords, the journal, the git gate."""
