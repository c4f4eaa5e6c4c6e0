"""Requests coming in: queries, forms, JSON, multipart and bare words, read strictly or refused with a sentence."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
import multipart  # type: ignore[import-untyped]

from onebucket.wire import safe_text

FIELDS_LIMIT = 1000

_Value = TypeVar("_Value")
_FORM_TYPES = frozenset({"", "application/x-www-form-urlencoded", "text/plain"})
_NOTHING = frozenset({b"", b"*"})
_TRUE_WORDS = frozenset({"true", "True", "1", "on"})
_FALSE_WORDS = frozenset({"false", "False", "0", "off"})


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class UnreadableBody(ValueError):
    """Input that cannot be read as what it should be; its text is a lower-case sentence, safe to show to the caller."""


@dataclass(frozen=True, slots=True)
class BodyFields:
    """The fields of a body: every name with all the values it was given, in order. What is not asked for is ignored."""

    values: Mapping[str, Sequence[object]]

    def has(self, name: str) -> bool:
        """Tell whether the field was given at all, be it as null."""
        return name in self.values

    def text(self, name: str) -> str | None:
        """Read a field as text, verbatim; None when it is absent or null.

        Raises UnreadableBody when it was given twice or is no text. Source: contract/api-1.0.md#1.7.
        """
        value = self._only(name)
        if value is None or isinstance(value, str):
            return value

        raise UnreadableBody(f"{name} must be a single text")

    def flag(self, name: str) -> bool | None:
        """Read a field as a boolean: true, True, 1, on or false, False, 0, off; None when it is absent or null.

        Raises UnreadableBody when it was given twice or is anything else. Source: contract/api-1.0.md#1.7.
        """
        value = self._only(name)
        if value is None or isinstance(value, bool):
            return value

        word = str(value) if isinstance(value, str | int) else ""
        if word in _TRUE_WORDS:
            return True
        if word in _FALSE_WORDS:
            return False
        raise UnreadableBody(f"{name} must be true or false")

    def _only(self, name: str) -> object:
        values = self.values.get(name)
        if values is None:
            return None

        if len(values) > 1:
            raise UnreadableBody(f"{name} is given more than once")
        return values[0]


def query(raw: bytes) -> dict[str, list[str]]:
    """Read a query string as it stood in the request line: every name with its values, in order, blank ones kept.

    Percent-decoded, `+` is a blank, everything UTF-8; raw blanks and braces are tolerated.
    Raises UnreadableBody for what
    is not UTF-8 and for more than 1000 fields. Source: contract/api-1.0.md#1.5.
    """
    if not raw:
        return {}

    return _collect(_parse_pairs(raw, "the query"))


def fields(body: bytes, content_type: str | None) -> BodyFields:
    """Read the fields of a body by its Content-Type header: a form, a JSON object, or a multipart form less its files.

    A body that starts with `{` is JSON whatever its type; an empty one, and `*`, have no fields under every type. A
    name that occurs twice is refused when it is asked for. Raises UnreadableBody for malformed input, for what is not
    UTF-8 and for any other type. Source: contract/api-1.0.md#1.7.
    """
    body = unmarked(body)
    trimmed = body.strip()
    if trimmed in _NOTHING:
        return BodyFields({})
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if trimmed.startswith(b"{") or media_type == "application/json":
        return BodyFields(_collect(_json_members(body)))

    if media_type in _FORM_TYPES:
        return BodyFields(_collect(_parse_pairs(body.strip(b"\r\n"), "the form")))
    if media_type == "multipart/form-data":
        return BodyFields(_collect(_multipart_fields(body, content_type or "")))
    raise UnreadableBody(f"the content type {safe_text.quote_input(media_type)} is not read here: send JSON or a form")


def hint(body: bytes, content_type: str | None) -> str:
    """What may have been lost on the way of a form whose values weren't encoded; empty for nothing.

    >>> hint(b"name=R&D", None), hint(b"name=Night+ImportedTeam", None)
    ('a field has no value: & inside a value must be sent as %26', '')
    """
    trimmed = body.strip()
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in _FORM_TYPES or trimmed.startswith(b"{") or trimmed in _NOTHING:
        return ""
    pieces = [piece for piece in trimmed.split(b"&") if piece]
    if any(b"=" not in piece for piece in pieces):
        return "a field has no value: & inside a value must be sent as %26"
    values = [piece.partition(b"=")[2] for piece in pieces]
    # Whoever encodes a form writes one + between two words.
    if any(b"++" in value or value.endswith(b"+") or (b"+" in value and b" " in value) for value in values):
        return "+ in a form is a blank: send %2B where + is meant"
    return ""


def word(body: bytes) -> str:
    """Read a bare word, blanks around it trimmed, whatever the Content-Type says; its spelling is not judged.

    Raises UnreadableBody when it is not UTF-8. Source: contract/api-1.0.md#p5.
    """
    return _utf8(unmarked(body).strip(), "the body")


def unmarked(text: bytes) -> bytes:
    """Take away the byte order mark that Windows' tools write before UTF-8."""
    return text.removeprefix(_BYTE_ORDER_MARK)


def _collect(pairs: Iterable[tuple[str, _Value]]) -> dict[str, list[_Value]]:
    gathered: dict[str, list[_Value]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return gathered


def _parse_pairs(raw: bytes, what: str) -> list[tuple[str, str]]:
    pieces = [piece for piece in raw.split(b"&") if piece]
    if len(pieces) > FIELDS_LIMIT:
        raise UnreadableBody(f"{what} has more than {FIELDS_LIMIT} fields")

    pairs = []
    for piece in pieces:
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        pairs.append((_utf8(unquote_to_bytes(name), what), _utf8(unquote_to_bytes(value), what)))
    return pairs


def document(text: bytes, kind: type[_Value], what: str) -> _Value:
    """Read a body that must be JSON of that kind; `what` tells people what that is. Raises UnreadableBody."""
    try:
        return msgspec.json.decode(unmarked(text), type=kind)
    except UnicodeDecodeError:
        reason = "it is not valid UTF-8"
    except RecursionError:
        reason = "it is nested too deeply"
    except (ValueError, OverflowError) as error:
        reason = str(error)[:100]
    raise UnreadableBody(f"the body must be {what}: {safe_text.without_controls(reason)}")


class _Members(list[tuple[str, object]]):
    """A JSON object as it was written, repeated names included."""


def _json_members(text: bytes) -> _Members:
    # msgspec is the strict one (UTF-8, no NaN, no lone surrogates, no infinite numbers), but only the standard library
    # shows a name that was given twice.
    try:
        msgspec.json.decode(text)
        document = json.loads(text, object_pairs_hook=_Members)
    except UnicodeDecodeError:
        raise UnreadableBody("the body is not valid UTF-8") from None
    except RecursionError:
        raise UnreadableBody("the body is not valid JSON: it is nested too deeply") from None
    except ValueError as error:
        reason = str(error).removeprefix("JSON is malformed: ").lower()
        raise UnreadableBody(f"the body is not valid JSON: {safe_text.quote_input(reason)}") from None

    if not isinstance(document, _Members):
        raise UnreadableBody("the body must be a JSON object")
    return document


def _multipart_fields(body: bytes, content_type: str) -> list[tuple[str, str]]:
    _, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary", "").encode("latin-1", "replace")  # as it came in the header, byte for byte
    pairs = []
    name, text, is_file = "", b"", False

    try:
        with multipart.PushMultipartParser(boundary, len(body), max_segment_count=FIELDS_LIMIT) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    name, text, is_file = event.name, b"", event.filename is not None
                elif event:
                    text += event
                elif not is_file:
                    pairs.append((name, _utf8(text, "the form")))
    except multipart.MultipartError as error:
        raise UnreadableBody(
            f"the body is not valid multipart/form-data: {safe_text.quote_input(str(error.args[0]).lower())}"
        ) from None
    return pairs


def _utf8(text: bytes, what: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise UnreadableBody(f"{what} is not valid UTF-8") from None
