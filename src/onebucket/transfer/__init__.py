"""Imports and exports whole accounts through actions: account documents, and GitHub organizations in Peribolos YAML."""
