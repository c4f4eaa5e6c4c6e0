"""Version 1.0 of the API: every address, and what each thing looks like."""
