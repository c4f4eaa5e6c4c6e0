"""Use cases of the server: one function per change or query, named by a verb. No HTTP and no SQL here."""
