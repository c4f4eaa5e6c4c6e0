"""What SQLite and PostgreSQL share: databases, transactions, statements and their cache dependencies."""
