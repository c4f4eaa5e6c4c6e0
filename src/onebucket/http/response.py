"""Answers: what came of a request, in the format that was asked for, with the headers that every answer has."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import msgspec

from onebucket.domain.refusals import Forbidden
from onebucket.http import errors
from onebucket.http.errors import ErrorResponse
from onebucket.http.request import Request
from onebucket.surfaces.routing import PlainText, StreamedList
from onebucket.wire import formats, streaming
from onebucket.wire.formats import Format

Headers = tuple[tuple[bytes, bytes], ...]

# A longer one is sent as it is made, without an ETag, and is not remembered.
MAX_BUFFERED_BYTES = 1 << 20

# About so much is written in the time that it takes to read a row.
BYTES_OF_A_ROW = 500

_CORP = b"cross-origin-resource-policy"

_HSTS = (b"strict-transport-security", b"max-age=31536000")

_PRIVATE = (b"cache-control", b"private, no-cache")

# What an answer says that nobody may keep, neither a browser nor we (contract/formats.md#c3).
NO_STORE = (b"cache-control", b"private, no-store")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How this server presents itself; what the settings say of it.

    `jsonp` is `guarded`, `open` or `off`; pages of `jsonp_origins` may read JSONP although it is guarded (contract/formats.md#c4).
    `amsterdam_times` is their style (contract/formats.md#t2); `emails_in_paths` whether addresses may hold one (contract/api-1.0.md#i2),
    `users_address` what `/users/{a}` answers (contract/api-1.0.md#u0),
    `query_token` whether a token may stand in the query. `rate_limit` is the calls of a user, `failures_per_address`
    the wrong passwords of a network in an hour; 0 is any number. `trusted_proxies` say where requests come from,
    in the `proxy_header`.
    """

    base_url: str
    realm: str
    jsonp: str
    jsonp_origins: frozenset[str]
    amsterdam_time_format: str = "plain"
    emails_in_paths: bool = True
    users_address: str = "profile"
    query_token: bool = False
    rate_limit: int = 0
    failures_per_address: int = 0
    trusted_proxies: frozenset[str] = frozenset()
    proxy_header: str = "x-forwarded-for"

    @property
    def always(self) -> Headers:
        """What every answer says, of whichever part of the server: browsers come back over https only.

        Where the address names a port there may be others on this host, which this isn't to speak for.
        """
        parts = urlsplit(self.base_url)
        return (_HSTS,) if parts.scheme == "https" and parts.port is None else ()


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """How one request wants to be answered."""

    format: Format
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back, but for the header that names the request; a long list as pieces that are still to be made."""

    status: int
    body: bytes | Iterable[bytes]
    headers: Headers

    def with_header(self, name: bytes, value: bytes) -> "Response":
        """The same with one more header."""
        return Response(self.status, self.body, (*self.headers, (name, value)))


class ResponseBuilder:
    """Makes answers, in the ways of this server."""

    def __init__(self, ways: ServerOptions) -> None:
        self._options = ways
        guarded: Headers = ((_CORP, b"same-origin"),) if ways.jsonp == "guarded" else ()
        self._common_headers: Headers = ((b"vary", b"Authorization"), (b"x-content-type-options", b"nosniff"))
        self._common_headers += (*guarded, *ways.always)

    def negotiate(self, request: Request, query: dict[str, list[str]]) -> ResponseFormat:
        """The format, and the JSONP callback where one counts (contract/formats.md#f1, #f2, #c1, #c2, #c4).

        Raises UnknownFormat, BadCallback, and Forbidden for a page of another site.
        """
        if not query:
            return _PLAIN_JSON
        format = formats.parse_format(query.get("format", ()))
        if self._options.jsonp == "off" or format is not Format.JSON or not request.reads:
            return ResponseFormat(format)

        callback = formats.parse_callback(query.get("callback", ()))
        foreign = request.headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site")
        if callback is not None and foreign and self._options.jsonp == "guarded" and not self._is_allowed(request):
            raise Forbidden("a page of another site may not read this with your credentials")
        return ResponseFormat(format, callback)

    def success(self, request: Request, outcome: Any, manner: ResponseFormat, spend: Callable[[int], None]) -> Response:
        """The answer to a request that was granted: what a handler gave, written out.

        `spend` hears how much that takes, in rows.
        """
        if outcome is None:
            return self.no_content(request)
        if isinstance(outcome, StreamedList):
            return self._streamed(request, outcome, manner, spend)
        if isinstance(outcome, PlainText):
            own = tuple((name.encode(), value.encode()) for name, value in outcome.headers)
            body, kind = outcome.body.encode(), errors.PLAIN.encode()
            if outcome.always_whole:
                return self._build(request, 200, body, ((b"content-type", kind), *own, _PRIVATE))
            return self._buffered(request, body, kind, *own)
        if manner.format is not Format.JSON:
            body = formats.encode(msgspec.to_builtins(outcome), manner.format)
            return self._buffered(request, body, _CONTENT_TYPES[manner.format])
        body = formats.encode(outcome, Format.JSON)
        if manner.callback is not None:
            return self._jsonp(request, formats.jsonp(manner.callback, body))
        return self._buffered(request, body, _CONTENT_TYPES[Format.JSON])

    def _streamed(
        self, request: Request, stream: StreamedList, manner: ResponseFormat, spend: Callable[[int], None]
    ) -> Response:
        """What may be long: in one piece with its ETag when it is short, otherwise as it is made."""
        pieces = streaming.encode_stream(stream.document, manner.format)
        first: list[bytes] = []
        size = 0
        for piece in pieces:
            first.append(piece)
            size += len(piece)
            spend(len(piece) // BYTES_OF_A_ROW)
            if size > MAX_BUFFERED_BYTES:
                break
        else:
            body = b"".join(first)
            if manner.callback is not None:
                return self._jsonp(request, formats.jsonp(manner.callback, body))
            return self._buffered(request, body, _CONTENT_TYPES[manner.format])

        following = chain(first, pieces)
        if manner.callback is None:
            kind = (b"content-type", _CONTENT_TYPES[manner.format])
            caching: Headers = (_PRIVATE,) if request.reads else ()
            return self._build(request, 200, following, (kind, *caching))
        return self._jsonp(request, formats.jsonp_chunks(manner.callback, following))

    def no_content(self, request: Request, *headers: tuple[bytes, bytes]) -> Response:
        """204: done, and nothing to say (contract/formats.md#f4)."""
        return self._build(request, 204, b"", ((b"content-type", b"text/plain"), *headers))

    def error(self, request: Request, said: ErrorResponse) -> Response:
        """The answer to a request that was refused."""
        caching: Headers = (_PRIVATE,) if request.reads else ()
        kind = (b"content-type", said.content_type.encode())
        return self._build(request, said.status, said.body, (kind, *said.headers, *caching))

    def _buffered(self, request: Request, body: bytes, content_type: bytes, *own: tuple[bytes, bytes]) -> Response:
        kind = (b"content-type", content_type)
        if not request.reads:
            return self._build(request, 200, body, (kind, *own))

        etag = b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode()
        caching = (_PRIVATE, (b"etag", etag))
        if _matches_etag(request.headers.get(b"if-none-match"), etag):
            return self._build(request, 304, b"", caching)
        return self._build(request, 200, body, (kind, *own, *caching))

    def _jsonp(self, request: Request, body: bytes | Iterable[bytes]) -> Response:
        kind = (b"content-type", formats.JSONP_CONTENT_TYPE.encode())
        answer = self._build(request, 200, body, (kind, NO_STORE))
        if not self._is_allowed(request):
            return answer
        opened = tuple((name, b"cross-origin" if name == _CORP else value) for name, value in answer.headers)
        return Response(answer.status, answer.body, opened)

    def _is_allowed(self, request: Request) -> bool:
        if not self._options.jsonp_origins:
            return False
        page = request.headers.get(b"origin") or request.headers.get(b"referer") or b""
        return b"/".join(page.split(b"/")[:3]).decode("latin-1").lower() in self._options.jsonp_origins

    def _build(self, request: Request, status: int, body: bytes | Iterable[bytes], headers: Headers) -> Response:
        length: Headers = ()
        if isinstance(body, bytes) and status not in (204, 304):
            length = ((b"content-length", b"%d" % len(body)),)
        return Response(status, body, (*headers, *length, *self._common_headers, *_scope_headers(request)))


_PLAIN_JSON = ResponseFormat(Format.JSON)
_CONTENT_TYPES = {format: kind.encode() for format, kind in formats.CONTENT_TYPES.items()}


def _scope_headers(request: Request) -> Headers:
    """What the token in use may do, and what was needed (contract/formats.md#h2)."""
    if request.actor is None or request.actor.scopes is None:
        return ()
    granted = ", ".join(sorted(request.actor.scopes)).encode()
    needed = request.route.scope.encode() if request.route else b""
    return ((b"x-oauth-scopes", granted), (b"x-accepted-oauth-scopes", needed))


def _matches_etag(if_none_match: bytes | None, etag: bytes) -> bool:
    if if_none_match is None:
        return False
    named = {each.strip().removeprefix(b"W/") for each in if_none_match.split(b",")}
    return etag in named or b"*" in named
