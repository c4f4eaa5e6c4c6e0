"""Encode responses as JSON, XML, YAML or JSONP, and parse the `format` and `callback` parameters."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from onebucket import safe_text
from onebucket.wire.lazy_list import Document, LazyList


class Format(Enum):
    """A response format; the value is that of the `format` parameter."""

    JSON = "json"
    XML = "xml"
    YAML = "yaml"


CONTENT_TYPES: Mapping[Format, str] = MappingProxyType(
    {
        Format.JSON: "application/json; charset=utf-8",
        Format.XML: "text/xml; charset=utf-8",
        Format.YAML: "application/x-yaml; charset=utf-8",
    }
)
JSONP_CONTENT_TYPE = "text/javascript; charset=utf-8"


class UnknownFormat(ValueError):
    """The `format` is unknown; the error's text is the whole response body (contract/formats.md#f2)."""

    def __init__(self, value: str) -> None:
        super().__init__(f"Invalid output format specified '{safe_text.printable(value)}'.")


class BadCallback(ValueError):
    """The `callback` is no valid JavaScript function path (contract/formats.md#c2)."""

    def __init__(self) -> None:
        super().__init__(
            "callback must be JavaScript names joined by dots, each perhaps followed by a number in square brackets, "
            "without reserved words and at most 128 characters long"
        )


def parse_format(values: Sequence[str]) -> Format:
    """Choose the format from all `format` parameters of the query, in order: the last one decides, none means JSON.

    Raises UnknownFormat for anything but exactly `json`, `xml` and `yaml`, also for an empty value.
    Source: contract/formats.md#f1, contract/formats.md#f2.
    """
    if not values:
        return Format.JSON

    try:
        return Format(values[-1])
    except ValueError:
        raise UnknownFormat(values[-1]) from None


def encode(document: Document, format: Format) -> bytes:
    """Encode one document as UTF-8.

    Raises ValueError for lone surrogates in JSON and YAML, and TypeError for anything that is no `Document`; but JSON
    takes floats too, and writes NaN as null: no surface has a float to send.
    Source: contract/formats.md#j1, contract/formats.md#x1, contract/formats.md#x3, contract/formats.md#y1.
    """
    return _WRITERS[format](document)


def encode_around(document: object, format: Format) -> tuple[list[bytes], list[LazyList]]:
    """Encode a document of msgspec structs that contains `LazyList`s: the bytes around them, and the lists.

    Only for JSON and XML, in which the bytes of an item don't depend on its depth.
    """
    if format is Format.JSON:
        return _json_around(document)
    return _xml_around(msgspec.to_builtins(document, builtin_types=(LazyList,)))


# --- JSON


def _json_around(document: object) -> tuple[list[bytes], list[LazyList]]:
    lists: list[LazyList] = []
    body = msgspec.json.encode(document, enc_hook=lambda value: _placeholder(value, lists))
    return body.split(_PLACEHOLDER), lists


# JSON never contains this byte: in strings it is escaped.
_PLACEHOLDER = b"\0"


def _placeholder(value: object, lists: list[LazyList]) -> msgspec.Raw:
    if not isinstance(value, LazyList):
        raise TypeError(f"not a JSON value: {type(value).__name__}")
    lists.append(value)
    return msgspec.Raw(_PLACEHOLDER)


# --- XML

_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")  # valid in every edition of XML 1.0
_NOT_IN_NAMES = re.compile(r"^[^A-Za-z_]|[^A-Za-z0-9_.-]")  # the characters of a key that _ELEMENT excludes
_INVALID_IN_XML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
)  # the characters that XML 1.0 excludes


def _xml(document: Document) -> bytes:
    parts: list[str] = []
    _write_element("response", document, parts.append)
    return _XML_DECLARATION + _xml_text(parts)


_XML_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>'


def _xml_around(document: Document) -> tuple[list[bytes], list[LazyList]]:
    parts: list[str | LazyList] = []
    _write_element("response", document, parts.append)
    texts: list[list[str]] = [[]]
    lists = []
    for part in parts:
        if isinstance(part, str):
            texts[-1].append(part)
        else:
            lists.append(part)
            texts.append([])
    return [_XML_DECLARATION + _xml_text(texts[0]), *map(_xml_text, texts[1:])], lists


def _xml_text(parts: Sequence[str]) -> bytes:
    text = "".join(parts)

    # Tags contain none of these characters, so the whole document can be replaced at once; it is rarely needed.
    if not text.isprintable():
        text = _INVALID_IN_XML.sub("\ufffd", text).replace("\r", "&#13;")

    return text.encode()


def _write_element(name: str, value: Document | LazyList, put: Callable[[Any], None]) -> None:
    opening, closing = _tags(name)
    if isinstance(value, str):
        put(opening + _escaped(value) + closing)
    elif isinstance(value, dict):
        put(opening)
        for key, member in value.items():
            _write_element(key, member, put)
        put(closing)
    elif isinstance(value, list):
        put(opening)
        for item in value:
            _write_element("resource", item, put)
        put(closing)
    elif value is None or isinstance(value, int):
        put(f"{opening}{value}{closing}")
    elif isinstance(value, LazyList):
        put(opening)
        put(value)
        put(closing)
    else:
        raise TypeError(f"not a JSON value: {type(value).__name__}")


@lru_cache(maxsize=1024)
def _tags(name: str) -> tuple[str, str]:
    # A key that is data, such as `acme/designers`, is escaped as in SQL/XML (ISO 9075-14): acme_x002F_designers.
    if not _ELEMENT.fullmatch(name):
        name = _NOT_IN_NAMES.sub(lambda match: f"_x{ord(match[0]):04X}_", name) or "_"

    return f"<{name}>", f"</{name}>"


def _escaped(text: str) -> str:
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    return text


# --- YAML


def _yaml(document: Document) -> bytes:
    # Importing PyYAML is slow, and few clients request YAML.
    from onebucket.wire import yaml_writer

    return yaml_writer.encode(document)


_WRITERS: Mapping[Format, Callable[[Document], bytes]] = MappingProxyType(
    {Format.JSON: msgspec.json.encode, Format.XML: _xml, Format.YAML: _yaml}
)


# --- JSONP

_IDENTIFIER = r"[A-Za-z_$][A-Za-z0-9_$]*"
CALLBACK = re.compile(rf"{_IDENTIFIER}(?:\[[0-9]+\])?(?:\.{_IDENTIFIER}(?:\[[0-9]+\])?)*")
CALLBACK_LIMIT = 128
_RESERVED = re.compile(
    "await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|"
    "function|if|implements|import|in|instanceof|interface|let|new|null|package|private|protected|public|return|static|"
    "super|switch|this|throw|true|try|typeof|var|void|while|with|yield"
)


def parse_callback(values: Sequence[str]) -> str | None:
    """Choose the JSONP callback from all `callback` parameters of the query: the last one decides, none means None.

    Raises BadCallback for one that is empty, too long or no dotted path of JavaScript names.
    Source: contract/formats.md#c2.
    """
    if not values:
        return None

    name = values[-1]
    if len(name) > CALLBACK_LIMIT or not CALLBACK.fullmatch(name):
        raise BadCallback
    if any(_RESERVED.fullmatch(part) for part in re.split(r"[.\[]", name)):
        raise BadCallback
    return name


def jsonp(callback: str, json_body: bytes) -> bytes:
    """Wrap a JSON body in a call of a checked callback: `/**/done([]);` (contract/formats.md#c3)."""
    return b"".join(jsonp_chunks(callback, [json_body]))


def jsonp_chunks(callback: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Wrap a JSON body that comes in chunks; no chunk may end inside a UTF-8 character."""
    yield b"/**/" + callback.encode("ascii") + b"("
    for piece in pieces:
        # JavaScript before ES2019 treats U+2028 and U+2029 as line ends, even inside strings.
        yield piece.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    yield b");"
