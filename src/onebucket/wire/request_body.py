"""Parse queries and bodies: forms, JSON, multipart and plain words. Strict: invalid input raises UnreadableBody."""

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
_EMPTY_BODIES = frozenset({b"", b"*"})
_TRUE_WORDS = frozenset({"true", "True", "1", "on"})
_FALSE_WORDS = frozenset({"false", "False", "0", "off"})


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class UnreadableBody(ValueError):
    """The input is malformed; the error's text is a lower-case sentence that is safe to show to the caller."""


@dataclass(frozen=True, slots=True)
class BodyFields:
    """The fields of a body: each name with all its values, in order. Unknown fields are ignored."""

    values: Mapping[str, Sequence[object]]

    def has(self, name: str) -> bool:
        """Whether the field is present, even as null."""
        return name in self.values

    def text(self, name: str) -> str | None:
        """Read a field as text, verbatim; None when it is absent or null.

        Raises UnreadableBody when it is repeated or no text. Source: contract/api-1.0.md#1.7.
        """
        value = self._only(name)
        if value is None or isinstance(value, str):
            return value

        raise UnreadableBody(f"{name} must be a single text")

    def flag(self, name: str) -> bool | None:
        """Read a field as a boolean: true, True, 1, on or false, False, 0, off; None when it is absent or null.

        Raises UnreadableBody when it is repeated or anything else. Source: contract/api-1.0.md#1.7.
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
    """Parse a raw query string: each name with all its values, in order, empty ones included.

    Percent-encoding and `+` are decoded as UTF-8; raw blanks and braces are tolerated.
    Raises UnreadableBody for invalid UTF-8 and for more than 1000 fields. Source: contract/api-1.0.md#1.5.
    """
    if not raw:
        return {}

    return _collect(_parse_pairs(raw, "the query"))


def fields(body: bytes, content_type: str | None) -> BodyFields:
    """Parse a body by its Content-Type header: a form, a JSON object, or a multipart form (files are ignored).

    A body that starts with `{` is parsed as JSON whatever its type; an empty one and `*` have no fields. A repeated
    field raises only when it is read. Raises UnreadableBody for malformed input, invalid UTF-8 and any other type.
    Source: contract/api-1.0.md#1.7.
    """
    body = unmarked(body)
    trimmed = body.strip()
    if trimmed in _EMPTY_BODIES:
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
    """A hint for the caller when a form's values seem not to be percent-encoded; empty text otherwise.

    >>> hint(b"name=R&D", None), hint(b"name=Night+Crew", None)
    ('a field has no value: & inside a value must be sent as %26', '')
    """
    trimmed = body.strip()
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in _FORM_TYPES or trimmed.startswith(b"{") or trimmed in _EMPTY_BODIES:
        return ""
    pieces = [piece for piece in trimmed.split(b"&") if piece]
    if any(b"=" not in piece for piece in pieces):
        return "a field has no value: & inside a value must be sent as %26"
    values = [piece.partition(b"=")[2] for piece in pieces]
    # An encoded form has a single + between two words.
    if any(b"++" in value or value.endswith(b"+") or (b"+" in value and b" " in value) for value in values):
        return "+ in a form is a blank: send %2B where + is meant"
    return ""


def word(body: bytes) -> str:
    """Read the body as one plain word, blanks around it trimmed, whatever the Content-Type.

    The word itself is not checked. Raises UnreadableBody for invalid UTF-8. Source: contract/api-1.0.md#p5.
    """
    return _utf8(unmarked(body).strip(), "the body")


def unmarked(text: bytes) -> bytes:
    """Remove the byte order mark that Windows tools write before UTF-8."""
    return text.removeprefix(_BYTE_ORDER_MARK)


def _collect(pairs: Iterable[tuple[str, _Value]]) -> dict[str, list[_Value]]:
    values: dict[str, list[_Value]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


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
    """Decode a JSON body as the type `kind`; `what` describes it in the error. Raises UnreadableBody."""
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
    """The members of a JSON object in order, repeated names included."""


def _json_members(text: bytes) -> _Members:
    # Parse twice: msgspec is strict (UTF-8, no NaN, no lone surrogates, no infinities), but only the standard library
    # reports repeated names.
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
    boundary = options.get("boundary", "").encode("latin-1", "replace")  # the bytes of the header
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
