"""Documents going out as they are made: the same bytes as the whole document would be, a piece at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from onebucket.wire import formats
from onebucket.wire.formats import Format
from onebucket.wire.lazy_list import LazyList

# Pieces are about so long, whatever the items are: it bounds what is in memory for a slow reader, and for how long one
# piece keeps everybody else waiting.
CHUNK_BYTES = 1 << 17


def encode_stream(document: object, format: Format) -> Iterator[bytes]:
    """Write a JSON value or msgspec struct that is or holds `LazyList`.

    The pieces together are what `formats.encode` gives for it all.

    No piece is longer than `CHUNK_BYTES` and what stands between two of the innermost items.
    """
    if format is Format.YAML:
        from onebucket.wire import yaml

        return yaml.encode_chunks(msgspec.to_builtins(document, builtin_types=(LazyList,)), CHUNK_BYTES)
    return _gathered(_around(document, format))


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for part in parts:
        gathered.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            yield b"".join(gathered)
            gathered.clear()
            size = 0
    if gathered:
        yield b"".join(gathered)


def _around(document: object, format: Format) -> Iterator[bytes]:
    texts, gaps = formats.encode_around(document, format)
    yield texts[0]
    for text, gap in zip(texts[1:], gaps, strict=True):
        yield from _items(gap, format)
        yield text


def _items(listed: LazyList, format: Format) -> Iterator[bytes]:
    manner = _DELIMITERS[format]
    yield manner.opening
    before = b""
    for item in listed.items:
        texts, gaps = formats.encode_around([item], format)
        texts[0] = before + texts[0][manner.before_one :]
        texts[-1] = texts[-1][: -manner.after_one]
        before = manner.between
        yield texts[0]
        for text, gap in zip(texts[1:], gaps, strict=True):
            yield from _items(gap, format)
            yield text
    yield manner.closing


@dataclass(frozen=True, slots=True)
class _Delimiters:
    """What stands around a list, and between its items; how many bytes are around the item in a document of one."""

    opening: bytes
    between: bytes
    closing: bytes
    before_one: int
    after_one: int


_XML_BEFORE, _XML_AFTER = formats.encode([""], Format.XML).split(b"<resource></resource>")
_DELIMITERS = {
    Format.JSON: _Delimiters(b"[", b",", b"]", 1, 1),
    Format.XML: _Delimiters(b"", b"", b"", len(_XML_BEFORE), len(_XML_AFTER)),
}
