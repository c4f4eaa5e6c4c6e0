"""YAML going out: the same values as JSON, by events that PyYAML's emitter writes."""

import io
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

import msgspec
from yaml import events

from onebucket.wire.lazy_list import Document, LazyList, finite

try:
    from yaml.cyaml import CEmitter as Emitter  # type: ignore[attr-defined]  # the stubs do not re-export it
except ImportError:  # a PyYAML that was built without libyaml: the same documents, more slowly
    from yaml.emitter import Emitter  # type: ignore[assignment]

# A string stays bare only if no loader of any YAML could take it for something else.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*(?: [A-Za-z0-9][A-Za-z0-9_./@-]*)*")
_WORDS = frozenset({"y", "yes", "n", "no", "true", "false", "on", "off", "null", "nan", "inf", "infinity"})
_AT_ONCE = 1 << 14  # so much libyaml hands over at once
_UNFOLDED = 2**31 - 1  # the widest line libyaml can count: nothing is ever folded

_PLAINLY, _AS_STRING = (True, False), (False, True)
_NULL = events.ScalarEvent(None, None, _PLAINLY, "null")
_TRUE = events.ScalarEvent(None, None, _PLAINLY, "true")
_FALSE = events.ScalarEvent(None, None, _PLAINLY, "false")
_MAPPING = events.MappingStartEvent(None, None, True, flow_style=False)
_MAPPING_END = events.MappingEndEvent()
_SEQUENCE = events.SequenceStartEvent(None, None, True, flow_style=False)
_SEQUENCE_END = events.SequenceEndEvent()


def encode(document: Document) -> bytes:
    """Write one document, every string so that no loader of any YAML takes it for something else (contract/formats.md#y1, #y2)."""
    return b"".join(encode_chunks(document))


def encode_chunks(document: object, size: int = 1 << 17) -> Iterator[bytes]:
    """The same of a document that may hold `LazyList`, as their items come; pieces of that size, or an item more."""
    stream = io.BytesIO()
    emitter = Emitter(stream, width=_UNFOLDED, allow_unicode=True)

    emitter.emit(events.StreamStartEvent(encoding="utf-8"))
    emitter.emit(events.DocumentStartEvent(explicit=False))
    for _ in _emitting(document, emitter.emit):
        if stream.tell() > size - _AT_ONCE:
            yield stream.getvalue()
            stream.seek(0)
            stream.truncate()
    emitter.emit(events.DocumentEndEvent(explicit=False))
    emitter.emit(events.StreamEndEvent())
    yield stream.getvalue()


_Emit: TypeAlias = Callable[[events.Event], None]


def _emitting(value: object, emit: _Emit) -> Iterator[None]:
    """Emit a value that may hold `LazyList`; a pause after each item of a list."""
    if isinstance(value, LazyList | list):
        emit(_SEQUENCE)
        for item in value.items if isinstance(value, LazyList) else value:
            yield from _emitting(msgspec.to_builtins(item, builtin_types=(LazyList,)), emit)
            yield
        emit(_SEQUENCE_END)
    elif isinstance(value, dict) and any(isinstance(inner, LazyList | list | dict) for inner in value.values()):
        emit(_MAPPING)
        for key, inner in value.items():
            emit(_key(key))
            yield from _emitting(inner, emit)
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
    elif isinstance(value, float):
        emit(events.ScalarEvent(None, None, _PLAINLY, _float(value)))
    else:
        raise TypeError(f"not a JSON value: {type(value).__name__}")


def _string(text: str) -> events.ScalarEvent:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return events.ScalarEvent(None, None, _PLAINLY, text)

    return events.ScalarEvent(None, None, _AS_STRING, text, style='"')


_key = lru_cache(maxsize=1024)(_string)


def _float(number: float) -> str:
    digits = repr(finite(number))
    # YAML 1.1 knows a float by its point: 1e-07 would come back as a string.
    return digits if "." in digits else digits.replace("e", ".0e")
