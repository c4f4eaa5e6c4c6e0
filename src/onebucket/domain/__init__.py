"""The rules: accounts, groups, privileges and who may do what. Pure code: no I/O, clock, randomness, SQL or HTTP."""
