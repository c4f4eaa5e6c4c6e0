"""Lists going out as they are made: the same bytes as the whole list would be, a piece at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from onebucket.wire import formats
from onebucket.wire.formats import Format

# Pieces are about so long, whatever the items are: it bounds what is in memory for a slow reader, and for how long one
# piece keeps everybody else waiting.
PIECE = 1 << 17


def written(items: Iterable[Any], format: Format) -> Iterator[bytes]:
    """Write a list of JSON values or msgspec structs; the pieces together are `formats.encode` of the whole list.

    No piece is longer than `PIECE` and one item.
    """
    opening, between, closing, bare = _MANNERS[format]
    before, empty = opening, True
    gathered: list[bytes] = []
    size = 0
    for item in items:
        encoded = formats.encode([item if format is Format.JSON else msgspec.to_builtins(item)], format)
        gathered.append(encoded[bare : len(encoded) - len(closing)])
        size += len(encoded)
        empty = False
        if size >= PIECE:
            yield before + between.join(gathered)
            before, size = between, 0
            gathered.clear()

    if gathered:
        yield before + between.join(gathered)
    yield formats.encode([], format) if empty else closing


_XML_OPENING = formats.encode([], Format.XML).removesuffix(b"</response>")

# What stands before the first item, between items, and after the last; and how much of its own beginning an item loses.
_MANNERS = {
    Format.JSON: (b"[", b",", b"]", 1),
    Format.XML: (_XML_OPENING, b"", b"</response>", len(_XML_OPENING)),
    Format.YAML: (b"", b"", b"", 0),
}
