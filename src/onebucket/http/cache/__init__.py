"""The response cache: entries, request fingerprints, and the data version that tells whether an entry is fresh."""
