"""Benchmarks: what the server costs beside a minimal implementation of the same job, as medians of paired runs."""

import sys
from pathlib import Path

# The benchmarks use the company and the PostgreSQL of the tests.
sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
