"""How requests are run: reads, the write queue, replicas and long responses."""
