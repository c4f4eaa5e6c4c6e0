"""Everything that speaks HTTP; no other package does."""
