"""The ASGI application that answers as Bitbucket's two hosts, by asking a onebucket server."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from multidict import CIMultiDict
from yarl import URL

from onebucket import bounds
from onebucket.redirect.certificate_authority import HOSTS

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# The addresses that onebucket answers in Bitbucket's place. Everything else on the two names is Bitbucket's own.
_FORWARDED = re.compile(r"(?:/|/!?api/)(?:1\.0|2\.0)(?:/|$)|/site/oauth2(?:/|$)|/scim(?:/|$)")

# Headers that concern one connection, not the message (RFC 9110, 7.6.1), and those that the client writes itself.
_OF_THE_CONNECTION = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade host expect".split()
)
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
# Longer bodies are passed on as they arrive.
_BUFFERED_BYTES = 64 * 1024


class Forwarder:
    """Forwards requests to `server`, and others than ours to the real hosts if `passes_others`; refuses them if not."""

    def __init__(self, server: str, *, passes_others: bool = False) -> None:
        self._server = URL(server)
        self._prefix = self._server.raw_path.rstrip("/")
        self._passes_others = passes_others
        self._session: ClientSession | None = None
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the server starts and ends no lifespan."""
        if scope["type"] != "http":
            return
        self.requests += 1
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1")
        host = _host(scope)
        if _FORWARDED.match(path):
            base, prefix = self._server, self._prefix
        elif self._passes_others and host in HOSTS:
            base, prefix = URL(f"https://{host}"), ""
        else:
            await _refuse(send, f"{host}{path} is not served here; `--others pass` asks the real {host}")
            return

        query = scope["query_string"].decode("latin-1")
        url = URL(f"{base.origin()}{prefix}{path}{'?' if query else ''}{query}", encoded=True)
        try:
            await self._forward(scope, receive, send, url, host)
        except (ClientError, OSError) as error:
            await _refuse(send, f"{base.origin()} doesn't answer: {error}")

    async def close(self) -> None:
        """Close the connections to the server."""
        if self._session is not None:
            await self._session.close()

    async def _forward(self, scope: Scope, receive: Receive, send: Send, url: URL, host: str) -> None:
        headers: CIMultiDict[str] = CIMultiDict()
        for name, value in scope["headers"]:
            if name.lower() not in _OF_THE_CONNECTION:
                headers.add(name.decode("latin-1"), value.decode("latin-1"))
        headers["X-Forwarded-Host"], headers["X-Forwarded-Proto"] = host, "https"
        async with self._client().request(
            scope["method"],
            url,
            headers=headers,
            data=await _body(headers, receive) if _has_body(scope) else None,
            allow_redirects=False,
            skip_auto_headers=_NOT_ADDED,
        ) as response:
            start = [(name.lower(), value) for name, value in response.raw_headers]
            kept = [each for each in start if each[0] not in _OF_THE_CONNECTION]
            # A short body goes out with the head, which saves a tenth of a millisecond.
            last = await response.read() if (response.content_length or _BUFFERED_BYTES) < _BUFFERED_BYTES else b""
            await send({"type": "http.response.start", "status": response.status, "headers": kept})
            async for chunk in response.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def _client(self) -> ClientSession:
        """Return the session; it is made in the event loop that uses it."""
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=0, keepalive_timeout=bounds.KEPT_ALIVE_SECONDS),
                # Cookies are the command's own business.
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                # The command has its own patience; only reaching the server has an end.
                timeout=ClientTimeout(total=None, sock_connect=bounds.CONNECT_SECONDS),
                trust_env=self._passes_others,
            )
        return self._session


def _host(scope: Scope) -> str:
    """Return the host that the request names: the authority in HTTP/2, otherwise the header."""
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1").partition(":")[0].lower())
    return HOSTS[0]


def _has_body(scope: Scope) -> bool:
    """Whether a body may follow the headers; finding out that none does takes a while."""
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
        return True
    # In HTTP/1.1 one of the two announces it (RFC 9112, 6.3); in HTTP/2 neither has to.
    return scope["http_version"] == "2" and scope["method"] not in ("GET", "HEAD")


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes | AsyncIterator[bytes] | None:
    """Return the body: None if there is none, bytes if it is short, otherwise its parts as they arrive."""
    length = headers.get("Content-Length", "")
    message = await receive()
    if not message.get("more_body"):
        return message.get("body") or (b"" if length else None)
    if length.isdigit() and int(length) <= _BUFFERED_BYTES:
        return b"".join([part async for part in _parts(message, receive)])
    return _parts(message, receive)


async def _parts(first: Mapping[str, Any], receive: Receive) -> AsyncIterator[bytes]:
    message = first
    while True:
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the command has gone")
        if body := message.get("body"):
            yield body
        if not message.get("more_body"):
            return
        message = await receive()


async def _refuse(send: Send, message: str) -> None:
    body = json.dumps({"type": "error", "error": {"message": f"onebucket run: {message}"}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 502, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
