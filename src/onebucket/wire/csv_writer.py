"""CSV that a spreadsheet can open: no text in it is taken for a formula."""

import csv
import io
from collections.abc import Iterable

# What a cell begins with that a spreadsheet calculates; the wide forms are those of East Asian keyboards.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def text(rows: Iterable[Iterable[object]]) -> str:
    """Write rows as CSV, with an apostrophe before each text that begins like a formula.

    >>> text([("user", "change"), ("bob", "=1+1"), (None, -1)])
    "user,change\\r\\nbob,'=1+1\\r\\n,-1\\r\\n"
    """
    lines = io.StringIO()
    csv.writer(lines).writerows([_harmless(cell) for cell in row] for row in rows)
    return lines.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
