"""Reads and writes whole accounts, through actions: our own document, and organisations kept as Peribolos YAML."""
