"""Requests as they arrive over ASGI: address, headers and body."""

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
# A body that is too long is read and dropped up to this size, so that a client that sends all of it first still reads
# the 413.
MAX_DRAINED_BYTES = 16 << 20

REQUEST_ID_HEADER = b"x-request-id"
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

REVISION_HEADER = b"x-onebucket-revision"

# One random prefix per process and a counter: asking the system for randomness on every request would cost more than
# the rest of a short request.
_process = secrets.token_hex(6)
_serial = count(1)


def _renew_process_id() -> None:
    global _process
    _process = secrets.token_hex(6)


# Workers are forked from one process; without this they would share a prefix.
os.register_at_fork(after_in_child=_renew_process_id)


@dataclass(slots=True)
class Request:
    """One request in progress: what arrived, and what is known about it so far.

    `segments` are the percent-decoded parts of the path. `is_malformed` says that the path is not UTF-8 or holds
    control characters. `query` is the query string without access tokens: what handlers see and the cache key holds.
    `is_read` says that the body has been read; `is_too_large` that it was longer than `MAX_BODY_BYTES` and dropped.
    `calls_left` is what is left of the actor's hourly limit, None when there is no limit; `is_counted` says that this
    request has been counted. `fingerprint` is a keyed hash of the whole request, empty when it can't repeat.
    `wanted_position` is the WAL position that a replica must have reached; `has_bad_revision_header` says that the
    header naming it can't be parsed.
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
        """Whether the method is GET or HEAD."""
        return self.method in ("GET", "HEAD")

    @property
    def address(self) -> str | None:
        """The client's IP address, as a trusted proxy or the connection gives it."""
        client = self.scope.get("client")
        return client[0] if client else None

    @property
    def content_type(self) -> str | None:
        """The Content-Type header; None when it is missing."""
        value = self.headers.get(b"content-type")
        return value.decode("latin-1") if value is not None else None

    @property
    def varied_headers(self) -> dict[str, str]:
        """The headers that the route's response depends on, by lower-case name."""
        names = self.route.varies_on if self.route else ()
        values = {name: self.headers.get(name.encode()) for name in names}
        return {name: value.decode("latin-1") for name, value in values.items() if value is not None}

    @property
    def path(self) -> str:
        """The path for logs and the audit log; see `readable`."""
        return readable(self.segments)


def readable(segments: Sequence[str]) -> str:
    """Join path segments for people to read: percent-encoded where needed, at most 300 characters."""
    return quote_from_bytes("/".join(("", *segments)).encode(errors="replace"), safe="/{}@:+!…")[:300]


def segments(scope: Scope) -> tuple[list[str], bool]:
    """Split the path and percent-decode each part once (contract/api-1.0.md#1.2).

    The second value says whether the path is malformed: not UTF-8, or with control characters. Several leading slashes
    count as one, since clients that concatenate a base URL and a path send two.

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
    """Collect the headers by name; repeated lines are joined with a comma (RFC 9110, 5.3).

    So two Authorization lines make an invalid one: a proxy may have checked either of them.
    """
    lines = scope["headers"]
    by_name: dict[bytes, bytes] = dict(lines)
    if len(by_name) < len(lines):
        by_name.clear()
        for name, value in lines:
            by_name[name] = by_name[name] + b", " + value if name in by_name else value
    return by_name


def take_id(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Remove X-Request-Id from a request that no trusted proxy passed on; return whether there was one.

    The audit log keeps request ids, so a client must not be able to choose the id of another request.
    """
    if headers.pop(REQUEST_ID_HEADER, None) is None:
        return False
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != REQUEST_ID_HEADER]
    return True


def request_id(headers: dict[bytes, bytes]) -> str:
    """Return the X-Request-Id of a trusted proxy when it is well-formed, otherwise a new id."""
    proxy_id = headers.get(REQUEST_ID_HEADER)
    if proxy_id is not None and _VALID_ID.fullmatch(proxy_id):
        return proxy_id.decode("ascii")
    return new_request_id()


def new_request_id() -> str:
    """Make a unique request id."""
    return f"{_process}-{next(_serial):x}"


def read_revision_header(request: Request) -> None:
    """Parse X-Onebucket-Revision (`at-least=POSITION`) into `wanted_position`.

    Sets `has_bad_revision_header` when it can't be parsed.
    """
    kind, _, position = request.headers[REVISION_HEADER].decode("latin-1").strip().partition("=")
    try:
        request.wanted_position = wal_position.read(position)
    except ValueError:
        request.has_bad_revision_header = True
    request.has_bad_revision_header = request.has_bad_revision_header or kind != "at-least"


def without_tokens(query: bytes) -> tuple[bytes, list[bytes]]:
    """Remove `access_token` parameters from a query string; also return the decoded tokens.

    >>> without_tokens(b"a=1&access_token=x%2B&access%5ftoken=y")
    (b'a=1', [b'x+', b'y'])
    """
    kept, tokens = [], []
    for parameter in query.split(b"&"):
        name, _, value = parameter.replace(b"+", b" ").partition(b"=")
        if unquote_to_bytes(name) == b"access_token":
            tokens.append(unquote_to_bytes(value))
        else:
            kept.append(parameter)
    return b"&".join(kept), tokens


class ClientDisconnected(Exception):
    """The client disconnected before the request was complete."""


def _has_no_body(request: Request) -> bool:
    """Whether a request without Content-Length has no body (RFC 9112, 6.3). This saves waiting for an empty message."""
    return request.scope.get("http_version", "").startswith("1") and b"transfer-encoding" not in request.headers


async def read_body(request: Request, receive: Receive) -> None:
    """Read the whole body into `request.body`; does nothing the second time. Raises ClientDisconnected.

    Sets `is_too_large`, and keeps nothing, when it is longer than `MAX_BODY_BYTES`.
    """
    if request.is_read:
        return
    request.is_read = True
    length = request.headers.get(b"content-length", b"")
    if length == b"0" or (not length and _has_no_body(request)):
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
