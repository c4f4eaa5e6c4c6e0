"""The rules: accounts, groups, privileges and who may do what; no I/O, no clock, no randomness, no SQL, no HTTP."""
