"""A place in the journal, and how it stands in an address: from there a page goes on."""

import re

from onebucket.domain.refusals import Invalid

# A moment as a number, an account's id, and an entry's number.
JournalPosition = tuple[int, str, int]

PATTERN = r"([0-9]{1,17})\.([0-9a-f-]{36})\.([0-9]{1,17})"

_NAMED = re.compile(PATTERN, re.ASCII)


def to_cursor(place: JournalPosition) -> str:
    """A place as it stands in an address.

    >>> to_cursor((1, "00000000-0000-4000-8000-000000000000", 2))
    '1.00000000-0000-4000-8000-000000000000.2'
    """
    return ".".join(map(str, place))


def parse_cursor(cursor: str) -> JournalPosition:
    """The place that a cursor names. Raises Invalid."""
    parts = _NAMED.fullmatch(cursor)
    if parts is None:
        raise Invalid("before is none of the cursors that `next` gives")
    return int(parts[1]), parts[2], int(parts[3])
