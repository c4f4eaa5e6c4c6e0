"""Runs database work for requests: reads, the write queue, replicas and long responses."""
