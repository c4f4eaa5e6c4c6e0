"""What the original never had, under `/api`: questions about access, for programs."""
