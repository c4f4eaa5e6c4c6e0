"""Cursors of the journal: positions of entries as text for the query, from where the next page continues."""

import re

from onebucket.domain.refusals import Invalid

# Timestamp as a number, account id, entry number.
JournalPosition = tuple[int, str, int]

PATTERN = r"([0-9]{1,17})\.([0-9a-f-]{36})\.([0-9]{1,17})"

_CURSOR = re.compile(PATTERN, re.ASCII)


def to_cursor(place: JournalPosition) -> str:
    """Format a position as a cursor.

    >>> to_cursor((1, "00000000-0000-4000-8000-000000000000", 2))
    '1.00000000-0000-4000-8000-000000000000.2'
    """
    return ".".join(map(str, place))


def parse_cursor(cursor: str) -> JournalPosition:
    """Parse a cursor. Raises Invalid."""
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise Invalid("before is not a cursor from `next`")
    return int(parts[1]), parts[2], int(parts[3])
