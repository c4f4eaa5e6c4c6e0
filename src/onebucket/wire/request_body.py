"""Parse queries and bodies: forms, JSON, multipart and plain words. Strict: invalid input raises UnreadableBody."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
import multipart  # type: ignore[import-untyped]

from onebucket import safe_text

FIELDS_LIMIT = 1000

_Value = TypeVar("_Value")
FORM = "application/x-www-form-urlencoded"
_FORM_TYPES = frozenset({"", FORM, "text/plain"})
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

        raise UnreadableBody(f"{name} must be a single string")

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

    return _collect(parse_pairs(raw, "the query"))


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
    media_type = media_type_of(content_type)
    if trimmed.startswith(b"{") or media_type == "application/json":
        return BodyFields(_collect(_json_members(body)))

    if media_type in _FORM_TYPES:
        return BodyFields(_collect(parse_pairs(body.strip(b"\r\n"), "the form")))
    if media_type == "multipart/form-data":
        return BodyFields(_collect(_multipart_fields(body, content_type or "")))
    raise UnreadableBody(f"the content type {safe_text.printable(media_type)} is not supported: send JSON or a form")


def hint(body: bytes, content_type: str | None) -> str:
    """A hint for the caller when a form's values seem not to be percent-encoded; empty text otherwise.

    >>> hint(b"name=R&D", None), hint(b"name=Night+Crew", None)
    ('a field has no value: & inside a value must be sent as %26', '')
    """
    trimmed = body.strip()
    if media_type_of(content_type) not in _FORM_TYPES or trimmed.startswith(b"{") or trimmed in _EMPTY_BODIES:
        return ""
    pieces = [piece for piece in trimmed.split(b"&") if piece]
    if any(b"=" not in piece for piece in pieces):
        return "a field has no value: & inside a value must be sent as %26"
    values = [piece.partition(b"=")[2] for piece in pieces]
    # An encoded form has a single + between two words.
    if any(b"++" in value or value.endswith(b"+") or (b"+" in value and b" " in value) for value in values):
        return "+ in a form means a space: send %2B for +"
    return ""


def media_type_of(content_type: str | None) -> str:
    """The media type of a Content-Type header, in lower case and without parameters; empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


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


def split_pairs(raw: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Split a query or form; yield each pair as it was sent, its decoded name and its decoded value.

    >>> list(split_pairs(b"a%5Fb=1+2&&c"))
    [(b'a%5Fb=1+2', b'a_b', b'1 2'), (b'c', b'c', b'')]
    """
    for pair in raw.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            yield pair, unquote_to_bytes(name), unquote_to_bytes(value)


def parse_pairs(raw: bytes, what: str, *, strict: bool = False) -> list[tuple[str, str]]:
    """Parse a query or form, called `what` in errors; names and values in order, empty values included.

    Raises UnreadableBody for invalid UTF-8, for more than 1000 pairs, and with `strict` for anything but ASCII: then
    every other character has to be percent-encoded, as OAuth demands.
    """
    if raw.count(b"&") >= FIELDS_LIMIT and sum(map(bool, raw.split(b"&"))) > FIELDS_LIMIT:
        raise UnreadableBody(f"{what} has more than {FIELDS_LIMIT} fields")
    if strict and not raw.isascii():
        raise UnreadableBody(f"{what} is not percent-encoded")

    return [(_utf8(name, what), _utf8(value, what)) for _, name, value in split_pairs(raw)]


def document(text: bytes, kind: type[_Value], what: str) -> _Value:
    """Decode a JSON body as the type `kind`; `what` describes it in the error. Raises UnreadableBody."""
    try:
        return msgspec.json.decode(unmarked(text), type=kind)
    except UnicodeDecodeError:
        reason = "it is not valid UTF-8"
    except RecursionError:
        reason = "it is nested too deeply"
    except (ValueError, OverflowError) as error:
        reason = str(error)
    raise UnreadableBody(f"the body must be {what}: {safe_text.printable(reason, 100)}")


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
        raise UnreadableBody(f"the body is not valid JSON: {safe_text.printable(reason)}") from None

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
            f"the body is not valid multipart/form-data: {safe_text.printable(str(error.args[0]).lower())}"
        ) from None
    return pairs


def _utf8(text: bytes, what: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise UnreadableBody(f"{what} is not valid UTF-8") from None
