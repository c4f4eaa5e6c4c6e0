"""Who is asking: credentials, signatures, sessions, and what becomes of wrong ones."""
