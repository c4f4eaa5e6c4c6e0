"""The database on PostgreSQL: connections, transactions, versions, and its replicas."""
