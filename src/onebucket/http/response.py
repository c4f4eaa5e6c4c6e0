"""Builds responses: the handler's result in the requested format, with the common headers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any

import msgspec

from onebucket.domain.refusals import Forbidden
from onebucket.domain.scope_rules import ScopeRule
from onebucket.http.errors import ErrorResponse
from onebucket.http.options import ServerOptions
from onebucket.http.request import Request
from onebucket.surfaces.core.errors import PLAIN
from onebucket.surfaces.core.surface import PlainText, Reply, Route, StreamedList, Surface
from onebucket.wire import formats, streaming
from onebucket.wire.formats import Format

Headers = tuple[tuple[bytes, bytes], ...]

# A longer body is streamed, without an ETag, and is not cached.
MAX_BUFFERED_BYTES = 1 << 20

# Encoding this many bytes takes about as long as reading one row; the work budget is counted in rows.
BYTES_OF_A_ROW = 500

# Combinations of granted scopes and routes whose headers are kept.
SCOPES_CACHED = 1000

_CORP = b"cross-origin-resource-policy"

_PRIVATE = (b"cache-control", b"private, no-cache")

# Marks a response that neither the browser nor our own cache may store (contract/formats.md#c3).
NO_STORE = (b"cache-control", b"private, no-store")


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The format that a request asks for, and its JSONP callback, if any."""

    format: Format
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A response without its X-Request-Id header; the body of a long list is an iterable of chunks still to be made."""

    status: int
    body: bytes | Iterable[bytes]
    headers: Headers

    def with_header(self, name: bytes, value: bytes) -> "Response":
        """Return a copy with one more header."""
        return Response(self.status, self.body, (*self.headers, (name, value)))


class ResponseBuilder:
    """Builds responses according to the server's options."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        guarded: Headers = ((_CORP, b"same-origin"),) if options.jsonp == "guarded" else ()
        self._common_headers: Headers = ((b"vary", b"Authorization"), (b"x-content-type-options", b"nosniff"))
        self._common_headers += (*guarded, *options.common_headers)

    def negotiate(self, request: Request, surface: Surface, query: dict[str, list[str]]) -> ResponseFormat:
        """Read the format and the JSONP callback from the query (contract/formats.md#f1, #f2, #c1, #c2, #c4).

        Raises UnknownFormat, BadCallback, and Forbidden for JSONP asked for by a page of another site.
        """
        if not query:
            return _PLAIN_JSON
        format = surface.formats[0]
        if len(surface.formats) > 1:
            format = formats.parse_format(query.get("format", ()))
        if not surface.has_jsonp or self._options.jsonp == "off" or format is not Format.JSON or not request.reads:
            return ResponseFormat(format)

        callback = formats.parse_callback(query.get("callback", ()))
        is_cross_site = request.headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site")
        if (
            callback is not None
            and is_cross_site
            and self._options.jsonp == "guarded"
            and not self._is_allowed(request)
        ):
            raise Forbidden("a page of another site may not read this with your credentials")
        return ResponseFormat(format, callback)

    def success(
        self, request: Request, route: Route, result: Any, response_format: ResponseFormat, spend: Callable[[int], None]
    ) -> Response:
        """Encode what a handler of the route returned.

        `spend` is called with the cost of encoding, in rows, as a stream is encoded.
        """
        if result is None:
            return self.no_content(request)
        if isinstance(result, StreamedList):
            return self._streamed(request, result, response_format, spend)
        if isinstance(result, PlainText):
            extra_headers = tuple((name.encode(), value.encode()) for name, value in result.headers)
            body, kind = result.body.encode(), PLAIN.encode()
            if result.always_whole:
                return self._build(request, 200, body, ((b"content-type", kind), *extra_headers, _PRIVATE))
            return self._buffered(request, body, kind, *extra_headers)
        reply = result if isinstance(result, Reply) else Reply(result, route.status)
        if response_format.format is not Format.JSON:
            body = formats.encode(msgspec.to_builtins(reply.document), response_format.format)
        else:
            body = formats.encode(reply.document, Format.JSON)
        if response_format.callback is not None:
            return self._jsonp(request, formats.jsonp(response_format.callback, body))
        extra_headers = tuple((name.encode(), value.encode()) for name, value in reply.headers)
        kind = reply.content_type.encode() if reply.content_type else _CONTENT_TYPES[response_format.format]
        return self._buffered(request, body, kind, *extra_headers, status=reply.status)

    def _streamed(
        self, request: Request, stream: StreamedList, response_format: ResponseFormat, spend: Callable[[int], None]
    ) -> Response:
        """Encode a list of unknown length: buffered with an ETag up to `MAX_BUFFERED_BYTES`, otherwise streamed."""
        chunks = streaming.encode_stream(stream.document, response_format.format)
        first: list[bytes] = []
        size = 0
        for chunk in chunks:
            first.append(chunk)
            size += len(chunk)
            spend(len(chunk) // BYTES_OF_A_ROW)
            if size > MAX_BUFFERED_BYTES:
                break
        else:
            body = b"".join(first)
            if response_format.callback is not None:
                return self._jsonp(request, formats.jsonp(response_format.callback, body))
            return self._buffered(request, body, _CONTENT_TYPES[response_format.format])

        body_chunks = chain(first, chunks)
        if response_format.callback is None:
            kind = (b"content-type", _CONTENT_TYPES[response_format.format])
            caching: Headers = (_PRIVATE,) if request.reads else ()
            return self._build(request, 200, body_chunks, (kind, *caching))
        return self._jsonp(request, formats.jsonp_chunks(response_format.callback, body_chunks))

    def no_content(self, request: Request, *headers: tuple[bytes, bytes]) -> Response:
        """Build a 204 response (contract/formats.md#f4)."""
        return self._build(request, 204, b"", ((b"content-type", b"text/plain"), *headers))

    def error(self, request: Request, error_response: ErrorResponse) -> Response:
        """Build the response to a request that was refused or failed."""
        caching: Headers = (_PRIVATE,) if request.reads else ()
        kind = (b"content-type", error_response.content_type.encode())
        return self._build(
            request, error_response.status, error_response.body, (kind, *error_response.headers, *caching)
        )

    def _buffered(
        self, request: Request, body: bytes, content_type: bytes, *extra_headers: tuple[bytes, bytes], status: int = 200
    ) -> Response:
        kind = (b"content-type", content_type)
        if not request.reads:
            return self._build(request, status, body, (kind, *extra_headers))

        etag = dict(extra_headers).get(b"etag") or b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode()
        extra_headers = tuple(header for header in extra_headers if header[0] != b"etag")
        caching = (_PRIVATE, (b"etag", etag))
        if _matches_etag(request.headers.get(b"if-none-match"), etag):
            return self._build(request, 304, b"", caching)
        return self._build(request, 200, body, (kind, *extra_headers, *caching))

    def _jsonp(self, request: Request, body: bytes | Iterable[bytes]) -> Response:
        kind = (b"content-type", formats.JSONP_CONTENT_TYPE.encode())
        response = self._build(request, 200, body, (kind, NO_STORE))
        if not self._is_allowed(request):
            return response
        headers = tuple((name, b"cross-origin" if name == _CORP else value) for name, value in response.headers)
        return Response(response.status, response.body, headers)

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
    """Name the scopes that the token has and the route needs (contract/formats.md#h2)."""
    actor, route = request.state.actor, request.state.route
    if actor is None or actor.scopes is None or actor.directory is not None:
        return ()
    return _scopes(actor.scopes, route.scope_rule if route else None)


@lru_cache(SCOPES_CACHED)
def _scopes(granted: frozenset[str], rule: ScopeRule | None) -> Headers:
    needed = rule.names_for(granted) if rule else ()
    return tuple(
        (name, ", ".join(scopes).encode())
        for name, scopes in ((b"x-oauth-scopes", sorted(granted)), (b"x-accepted-oauth-scopes", needed))
    )


def _matches_etag(if_none_match: bytes | None, etag: bytes) -> bool:
    if if_none_match is None:
        return False
    etags = {item.strip().removeprefix(b"W/") for item in if_none_match.split(b",")}
    return etag.removeprefix(b"W/") in etags or b"*" in etags
