"""The database on SQLite: connections, transactions, and its commit counter."""
