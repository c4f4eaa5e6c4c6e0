"""Requests as they come in over ASGI: their address, their headers, their body."""

import os
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from onebucket.domain.accounts import Actor
from onebucket.store.postgres import wal_position
from onebucket.store.postgres.wal_position import WalPosition
from onebucket.surfaces.routing import Route

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 1 << 20
# What is read and thrown away of a body that is too long, so that its sender gets to hear so.
MAX_DRAINED_BYTES = 16 << 20

REQUEST_ID_HEADER = b"x-request-id"
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

REVISION_HEADER = b"x-onebucket-revision"

# Asking the system for randomness for every request would be the dearest part of a short one.
_process = secrets.token_hex(6)
_serial = count(1)


def _renew_process_id() -> None:
    global _process
    _process = secrets.token_hex(6)


# Workers are forked from one process.
os.register_at_fork(after_in_child=_renew_process_id)


@dataclass(slots=True)
class Request:
    """One request under way: as it came, and what has been found out about it so far.

    `words` are a hash of all that it says, where the same may come again. `query` is what handlers see and what is
    remembered: without a token. `calls_left` is what is left of the calls that the caller has in an hour, where those
    are limited; `is_counted`: it was counted as one of them. `is_malformed`: the address is not UTF-8 or holds control
    characters; `is_too_large`: the body is, and was not kept. `wanted` is how far a replica must have come to answer;
    `is_unclear`: that can't be read.
    """

    scope: Scope
    id: str
    method: str
    segments: list[str]
    headers: dict[bytes, bytes]
    at: datetime
    query: bytes = b""
    is_malformed: bool = False
    is_too_large: bool = False
    is_read: bool = False
    body: bytes = b""
    actor: Actor | None = None
    route: Route | None = None
    calls_left: int | None = None
    is_counted: bool = False
    fingerprint: bytes = b""
    wanted_position: WalPosition | None = None
    has_bad_revision_header: bool = False

    @property
    def reads(self) -> bool:
        """Whether it asks for something to be told, not done."""
        return self.method in ("GET", "HEAD")

    @property
    def address(self) -> str | None:
        """The network address that it came from."""
        client = self.scope.get("client")
        return client[0] if client else None

    @property
    def content_type(self) -> str | None:
        """What the body is said to be."""
        value = self.headers.get(b"content-type")
        return value.decode("latin-1") if value is not None else None

    @property
    def varied_headers(self) -> dict[str, str]:
        """The headers that the route heeds, by name in lower case."""
        names = self.route.varies_on if self.route else ()
        given = {name: self.headers.get(name.encode()) for name in names}
        return {name: value.decode("latin-1") for name, value in given.items() if value is not None}

    @property
    def path(self) -> str:
        """The address for people to read, cut."""
        return readable(self.segments)


def readable(segments: Sequence[str]) -> str:
    """An address for people to read, cut."""
    return quote_from_bytes("/".join(("", *segments)).encode(errors="replace"), safe="/{}@:+!…")[:300]


def segments(scope: Scope) -> tuple[list[str], bool]:
    """The parts of the address, each percent-decoded once (contract/api-1.0.md#1.2); and whether one couldn't be.

    Clients that put an address together may begin it with two slashes.

    >>> segments({"raw_path": b"//1.0/groups/%7Babc%7D/a%2Fb"})
    (['1.0', 'groups', '{abc}', 'a/b'], False)
    """
    raw: bytes = scope.get("raw_path") or quote_from_bytes(scope["path"].encode()).encode()
    if raw.startswith(b"//"):
        raw = b"/" + raw.lstrip(b"/")
    if b"%" not in raw and raw.isascii():
        return raw.decode("ascii").split("/")[1:], False

    decoded = [unquote_to_bytes(part).decode(errors="surrogateescape") for part in raw.split(b"/")[1:]]
    malformed = any(ord(character) < 32 or 127 <= ord(character) < 160 or "\ud800" <= character <= "\udfff"
                    for part in decoded for character in part)  # fmt: skip
    return decoded, malformed


def headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name; one that comes in several lines is one list (RFC 9110, 5.3).

    So two lines with credentials are no credentials, whichever of them a proxy has looked at.
    """
    lines = scope["headers"]
    found: dict[bytes, bytes] = dict(lines)
    if len(found) < len(lines):
        found.clear()
        for name, value in lines:
            found[name] = found[name] + b", " + value if name in found else value
    return found


def take_id(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Take the X-Request-Id out of a request that no trusted proxy passed on; whether there was one.

    The journal keeps it: callers could give several requests one name, or that of somebody else's.
    """
    if headers.pop(REQUEST_ID_HEADER, None) is None:
        return False
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != REQUEST_ID_HEADER]
    return True


def request_id(headers: dict[bytes, bytes]) -> str:
    """The X-Request-Id that a trusted proxy gave it where that is a sane one, otherwise one that no other has."""
    given = headers.get(REQUEST_ID_HEADER)
    if given is not None and _VALID_ID.fullmatch(given):
        return given.decode("ascii")
    return new_request_id()


def new_request_id() -> str:
    """One that no other request has."""
    return f"{_process}-{next(_serial):x}"


def read_revision_header(request: Request) -> None:
    """Read which state of the database it wants to see at least."""
    kind, _, place = request.headers[REVISION_HEADER].decode("latin-1").strip().partition("=")
    try:
        request.wanted_position = wal_position.read(place)
    except ValueError:
        request.has_bad_revision_header = True
    request.has_bad_revision_header = request.has_bad_revision_header or kind != "at-least"


def without_tokens(query: bytes) -> tuple[bytes, list[bytes]]:
    """A query less its access tokens; and those.

    >>> without_tokens(b"a=1&access_token=x%2B&access%5ftoken=y")
    (b'a=1', [b'x+', b'y'])
    """
    kept, tokens = [], []
    for piece in query.split(b"&"):
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        if unquote_to_bytes(name) == b"access_token":
            tokens.append(unquote_to_bytes(value))
        else:
            kept.append(piece)
    return b"&".join(kept), tokens


class ClientDisconnected(Exception):
    """The caller has gone before the request was whole."""


def _ends_with_its_headers(request: Request) -> bool:
    """Whether a request without a length has no body (RFC 9112, 6.3); asking the server for one takes a while."""
    return request.scope.get("http_version", "").startswith("1") and b"transfer-encoding" not in request.headers


async def read_body(request: Request, receive: Receive) -> None:
    """Read the whole body, once, unless it is longer than 1 MiB. Raises ClientDisconnected."""
    if request.is_read:
        return
    request.is_read = True
    length = request.headers.get(b"content-length", b"")
    if length == b"0" or (not length and _ends_with_its_headers(request)):
        return
    if length.isdigit() and int(length) > MAX_DRAINED_BYTES:
        request.is_too_large = True
        return

    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        else:
            request.is_too_large = True
            chunks.clear()
        if not message.get("more_body") or size > MAX_DRAINED_BYTES:
            break
    request.body = b"".join(chunks)
