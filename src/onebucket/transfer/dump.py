"""Dumps plain values as YAML or JSON that is easy to read and to diff: one item per line, keys in the order given."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

# Scalars that are strings without quotes in YAML 1.1 and 1.2: they start with a letter and have no special characters.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@-]+)*")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})

_ESCAPED = re.compile('[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|["\\\\]')
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def to_json(value: Mapping[str, Any]) -> str:
    """Dump a mapping as JSON, indented by two spaces."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def to_yaml(value: Mapping[str, Any]) -> str:
    """Dump a mapping as block-style YAML; quotes every string that a YAML parser could read as another type."""
    return "\n".join(_lines_of_mapping(value, "")) + "\n"


def _lines_of_mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _lines(item, f"{indent}{_scalar(key)}:", indent + "  ")


def _lines(value: Any, start: str, indent: str) -> Iterator[str]:
    """Yield the lines of a value after `start` (a key and its colon); lines after the first get `indent`."""
    match value:
        case dict() if value:
            yield start
            yield from _lines_of_mapping(value, indent)
        case list() if value:
            yield start
            yield from _lines_of_list(value, indent)
        case _:
            yield f"{start} {_scalar(value)}"


def _lines_of_list(value: Sequence[Any], indent: str) -> Iterator[str]:
    for item in value:
        if not isinstance(item, dict):
            yield f"{indent}- {_scalar(item)}"
            continue
        first = True
        for line in _lines_of_mapping(item, indent + "  "):
            yield f"{indent}- {line[len(indent) + 2 :]}" if first else line
            first = False


def _scalar(value: Any) -> str:
    """Dump one value on one line.

    >>> _scalar("alice"), _scalar("no"), _scalar("12:30"), _scalar(True), _scalar([])
    ('alice', '"no"', '"12:30"', 'true', '[]')
    """
    match value:
        case str():
            if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
                return value
            return f'"{_ESCAPED.sub(_escape, value)}"'
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{}"
        case list():
            return "[]"
    return str(value)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\U{ord(character):08X}"
