"""Pages of the whole site: the home page, setup, administration and the outbox."""
