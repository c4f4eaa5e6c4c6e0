"""The API that the original never had, under `/api`: access checks, invitations, app passwords, journal, git proxy."""
