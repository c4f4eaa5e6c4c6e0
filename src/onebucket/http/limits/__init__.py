"""How much may be asked for: rate limits and their counters."""
