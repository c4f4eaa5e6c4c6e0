"""Encode YAML: the same values as JSON, as events for PyYAML's emitter.

PyYAML's own dumper, in C and with representers for strings, makes the same bytes, but it needs 193 ms of processor time
for a list of 284 groups (797 KB) where this needs 56, and it can't write a list while it is being read.
"""

import io
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

import msgspec
from yaml import events

from onebucket.wire.lazy_list import Document, LazyList

try:
    from yaml.cyaml import CEmitter as Emitter  # type: ignore[attr-defined]  # the stubs do not re-export it
except ImportError:  # PyYAML without libyaml: the same output, slower
    from yaml.emitter import Emitter  # type: ignore[assignment]

# A string is written without quotes only if no loader of any YAML version could read it as another type.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*(?: [A-Za-z0-9][A-Za-z0-9_./@-]*)*")
_WORDS = frozenset({"y", "yes", "n", "no", "true", "false", "on", "off", "null", "nan", "inf", "infinity"})
_EMITTER_BUFFER = 1 << 14  # the size of libyaml's output buffer
_MAX_WIDTH = 2**31 - 1  # libyaml's largest line width, so that lines are never folded

_PLAINLY, _AS_STRING = (True, False), (False, True)
_NULL = events.ScalarEvent(None, None, _PLAINLY, "null")
_TRUE = events.ScalarEvent(None, None, _PLAINLY, "true")
_FALSE = events.ScalarEvent(None, None, _PLAINLY, "false")
_MAPPING = events.MappingStartEvent(None, None, True, flow_style=False)
_MAPPING_END = events.MappingEndEvent()
_SEQUENCE = events.SequenceStartEvent(None, None, True, flow_style=False)
_SEQUENCE_END = events.SequenceEndEvent()


def encode(document: Document) -> bytes:
    """Encode one document; every string is written so that no loader reads it as another type.

    Source: contract/formats.md#y1, contract/formats.md#y2.
    """
    return b"".join(encode_chunks(document))


def encode_chunks(document: object, size: int = 1 << 17) -> Iterator[bytes]:
    """Encode a document that may contain `LazyList`s, in chunks of at most `size` bytes plus one item."""
    stream = io.BytesIO()
    emitter = Emitter(stream, width=_MAX_WIDTH, allow_unicode=True)

    emitter.emit(events.StreamStartEvent(encoding="utf-8"))
    emitter.emit(events.DocumentStartEvent(explicit=False))
    for _ in _emit_lazily(document, emitter.emit):
        if stream.tell() > size - _EMITTER_BUFFER:
            yield stream.getvalue()
            stream.seek(0)
            stream.truncate()
    emitter.emit(events.DocumentEndEvent(explicit=False))
    emitter.emit(events.StreamEndEvent())
    yield stream.getvalue()


_Emit: TypeAlias = Callable[[events.Event], None]


def _emit_lazily(value: object, emit: _Emit) -> Iterator[None]:
    """Emit a value that may contain `LazyList`s; yield after each item of a list."""
    if isinstance(value, LazyList | list):
        emit(_SEQUENCE)
        for item in value.items if isinstance(value, LazyList) else value:
            yield from _emit_lazily(msgspec.to_builtins(item, builtin_types=(LazyList,)), emit)
            yield
        emit(_SEQUENCE_END)
    elif isinstance(value, dict) and any(isinstance(inner, LazyList | list | dict) for inner in value.values()):
        emit(_MAPPING)
        for key, inner in value.items():
            emit(_key(key))
            yield from _emit_lazily(inner, emit)
        emit(_MAPPING_END)
    else:
        _emit_node(value, emit)


def _emit_node(value: object, emit: _Emit) -> None:
    if isinstance(value, str):
        emit(_string(value))
    elif isinstance(value, dict):
        emit(_MAPPING)
        for key, member in value.items():
            emit(_key(key))
            _emit_node(member, emit)
        emit(_MAPPING_END)
    elif isinstance(value, list):
        emit(_SEQUENCE)
        for item in value:
            _emit_node(item, emit)
        emit(_SEQUENCE_END)
    elif value is None:
        emit(_NULL)
    elif isinstance(value, bool):
        emit(_TRUE if value else _FALSE)
    elif isinstance(value, int):
        emit(events.ScalarEvent(None, None, _PLAINLY, str(value)))
    else:
        raise TypeError(f"not a JSON value: {type(value).__name__}")


def _string(text: str) -> events.ScalarEvent:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return events.ScalarEvent(None, None, _PLAINLY, text)

    return events.ScalarEvent(None, None, _AS_STRING, text, style='"')


_key = lru_cache(maxsize=1024)(_string)
