"""The database on PostgreSQL, and its replicas."""
