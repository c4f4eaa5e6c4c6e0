"""Pages of the whole site: home, API documentation, setup, administration and the outbox."""
