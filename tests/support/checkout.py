"""Where the checkout is, and the syntax trees of its modules."""

import ast
from functools import cache
from pathlib import Path

TOP = Path(__file__).parents[2]


@cache
def parsed(path: Path) -> ast.Module:
    """Return a module's syntax tree, parsed once; callers must not change it."""
    return ast.parse(path.read_text())
