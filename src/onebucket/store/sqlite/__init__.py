"""The database on SQLite: connections, transactions, and the header of its WAL-index."""
