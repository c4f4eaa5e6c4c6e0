"""Rate limits and their counters."""
