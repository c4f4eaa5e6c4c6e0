"""Requests as they arrive over ASGI: address, headers and body."""

import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from onebucket.domain.accounts import Actor
from onebucket.store.engine.replication import WalPosition
from onebucket.surfaces.core.surface import Route
from onebucket.wire import body_reader, request_body
from onebucket.wire.body_reader import BodyTooLong

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 1 << 20

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
class RequestState:
    """What is found out about a request on its way.

    `query` is the query string without access tokens: what handlers see and the cache key holds. `is_read` says that
    the body has been read; `is_too_large` that it was longer than `MAX_BODY_BYTES` and dropped. `calls_left` is what is
    left of the actor's hourly limit, None when there is no limit; `is_counted` says that this request has been counted.
    """

    query: bytes = b""
    body: bytes = b""
    is_read: bool = False
    is_too_large: bool = False
    route: Route | None = None
    actor: Actor | None = None
    calls_left: int | None = None
    is_counted: bool = False
    _parsed: tuple[bytes, dict[str, list[str]]] | None = None

    def parameters(self) -> dict[str, list[str]]:
        """Return the query's parameters, parsed once. Raises UnreadableBody."""
        if self._parsed is None or self._parsed[0] != self.query:
            self._parsed = self.query, request_body.query(self.query)
        return self._parsed[1]


class WantedRevision(NamedTuple):
    """What X-Onebucket-Revision asks for: the WAL position that a replica must have reached.

    `is_malformed` says that the header can't be parsed.
    """

    position: WalPosition | None = None
    is_malformed: bool = False


class Request(msgspec.Struct, frozen=True):
    """One request as it arrived; what is found out about it later is its `state`.

    `segments` are the percent-decoded parts of the path. `is_malformed` says that the path is not UTF-8 or holds
    control characters. `fingerprint` is a keyed hash of the whole request, empty when it can't repeat.
    """

    scope: Scope
    id: str
    method: str
    segments: list[str]
    headers: dict[bytes, bytes]
    at: datetime
    state: RequestState
    is_malformed: bool = False
    fingerprint: bytes = b""
    wanted: WantedRevision = WantedRevision()

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
    def raw_path(self) -> str:
        """The path as the client sent it, percent-encoded."""
        return _raw_path(self.scope).decode("latin-1")

    @property
    def content_type(self) -> str | None:
        """The Content-Type header; None when it is missing."""
        value = self.headers.get(b"content-type")
        return value.decode("latin-1") if value is not None else None

    @property
    def varied_headers(self) -> dict[str, str]:
        """The headers that the route's response depends on, by lower-case name."""
        names = self.state.route.varies_on if self.state.route else ()
        values = {name: self.headers.get(name.encode()) for name in names}
        return {name: value.decode("latin-1") for name, value in values.items() if value is not None}

    @property
    def path(self) -> str:
        """The path for logs and the audit log; see `readable`."""
        return readable(self.segments)


def readable(segments: Sequence[str]) -> str:
    """Join path segments for people to read: percent-encoded where needed, at most 300 characters."""
    return quote_from_bytes("/".join(("", *segments)).encode(errors="replace"), safe="/{}@:+!…")[:300]


def _raw_path(scope: Scope) -> bytes:
    """Return the path as it was sent; not every server has it, so encode the decoded one where it is missing."""
    raw: bytes = scope.get("raw_path") or quote_from_bytes(scope["path"].encode()).encode()
    return raw


def segments(scope: Scope) -> tuple[list[str], bool]:
    """Split the path and percent-decode each part once (contract/api-1.0.md#1.2).

    The second value says whether the path is malformed: not UTF-8, or with control characters. Several leading slashes
    count as one, since clients that concatenate a base URL and a path send two.

    >>> segments({"raw_path": b"//1.0/groups/%7Babc%7D/a%2Fb"})
    (['1.0', 'groups', '{abc}', 'a/b'], False)
    """
    raw = _raw_path(scope)
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


def wanted_revision(headers: Mapping[bytes, bytes]) -> WantedRevision:
    """Parse X-Onebucket-Revision: `at-least=POSITION`."""
    value = headers.get(REVISION_HEADER)
    if value is None:
        return WantedRevision()
    kind, _, position = value.decode("latin-1").strip().partition("=")
    try:
        return WantedRevision(WalPosition.parse(position), is_malformed=kind != "at-least")
    except ValueError:
        return WantedRevision(is_malformed=True)


def without_tokens(query: bytes) -> tuple[bytes, list[bytes]]:
    """Remove `access_token` parameters from a query string; also return the decoded tokens.

    >>> without_tokens(b"a=1&access_token=x%2B&access%5ftoken=y")
    (b'a=1', [b'x+', b'y'])
    """
    parameters = list(request_body.split_pairs(query))
    kept = [parameter for parameter, name, _ in parameters if name != b"access_token"]
    return b"&".join(kept), [value for _, name, value in parameters if name == b"access_token"]


def _has_no_body(request: Request) -> bool:
    """Whether a request without Content-Length has no body (RFC 9112, 6.3). This saves waiting for an empty message."""
    return request.scope.get("http_version", "").startswith("1") and b"transfer-encoding" not in request.headers


async def read_body(request: Request, receive: Receive) -> None:
    """Read the whole body into the request's state; does nothing the second time. Raises ClientDisconnected.

    Sets `is_too_large`, and keeps nothing, when it is longer than `MAX_BODY_BYTES`.
    """
    if request.state.is_read:
        return
    request.state.is_read = True
    length = request.headers.get(b"content-length", b"")
    if length == b"0" or (not length and _has_no_body(request)):
        return
    if length.isdigit() and int(length) > body_reader.MAX_DRAINED_BYTES:
        request.state.is_too_large = True
        return

    try:
        request.state.body = await body_reader.read_limited(receive, limit=MAX_BODY_BYTES)
    except BodyTooLong:
        request.state.is_too_large = True
