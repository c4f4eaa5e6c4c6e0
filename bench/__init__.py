"""Benchmarks: what the server costs beside a minimal implementation of the same job, as medians of paired runs."""
