"""Encode documents in chunks while their lists are produced; the bytes are the same as of the whole document."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from onebucket.wire import formats
from onebucket.wire.formats import Format
from onebucket.wire.lazy_list import LazyList

# The approximate size of a chunk. It limits the memory for a slow client, and the time that producing one chunk delays
# other requests.
CHUNK_BYTES = 1 << 17


def encode_stream(document: object, format: Format) -> Iterator[bytes]:
    """Encode a JSON value or msgspec struct that is or contains a `LazyList`.

    The chunks joined are what `formats.encode` returns for the whole document. A chunk exceeds `CHUNK_BYTES` by at most
    the bytes from one innermost item to the next.
    """
    if format is Format.YAML:
        from onebucket.wire import yaml_writer

        return yaml_writer.encode_chunks(msgspec.to_builtins(document, builtin_types=(LazyList,)), CHUNK_BYTES)
    return _chunks(_parts(document, format))


def _chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    buffer: list[bytes] = []
    size = 0
    for part in parts:
        buffer.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            yield b"".join(buffer)
            buffer.clear()
            size = 0
    if buffer:
        yield b"".join(buffer)


def _parts(document: object, format: Format) -> Iterator[bytes]:
    texts, lists = formats.encode_around(document, format)
    yield texts[0]
    for text, inner in zip(texts[1:], lists, strict=True):
        yield from _items(inner, format)
        yield text


def _items(lazy_list: LazyList, format: Format) -> Iterator[bytes]:
    delimiters = _DELIMITERS[format]
    yield delimiters.opening
    before = b""
    for item in lazy_list.items:
        texts, lists = formats.encode_around([item], format)
        texts[0] = before + texts[0][delimiters.before_one :]
        texts[-1] = texts[-1][: -delimiters.after_one]
        before = delimiters.between
        yield texts[0]
        for text, inner in zip(texts[1:], lists, strict=True):
            yield from _items(inner, format)
            yield text
    yield delimiters.closing


@dataclass(frozen=True, slots=True)
class _Delimiters:
    """The bytes around a list and between its items.

    `before_one` and `after_one` are the numbers of bytes around the item in an encoded list of one.
    """

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
