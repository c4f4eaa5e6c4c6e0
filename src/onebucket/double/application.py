"""The double as an ASGI application: `/double/…` steers it, everything else is answered by the server, with faults."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any

from onebucket.domain.refusals import Unauthenticated
from onebucket.double.control import Control
from onebucket.double.faults import Fault, Faults
from onebucket.double.seen_requests import SeenRequests
from onebucket.double.site import Site
from onebucket.http.auth.authorization_header import sent_credentials

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NOT_FROM_HERE = "the double is controlled from its own machine only; --steer-from-anywhere changes that"
_PLAIN = "text/plain; charset=utf-8"


class DoubleApplication:
    """Records each request, lets switches and faults answer in the server's place, and otherwise asks the server."""

    def __init__(self, site: Site, *, steered_from_anywhere: bool = False) -> None:
        self._site = site
        self._steered_from_anywhere = steered_from_anywhere
        self._faults = Faults()
        self._seen = SeenRequests()
        self._control = Control(site, self._faults, self._seen)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/double" or scope["path"].startswith("/double/"):
            if self._steered_from_anywhere or _is_loopback(scope):
                await self._control(scope, receive, send)
            else:
                await _Exchange(scope, receive, send).respond(403, {}, _NOT_FROM_HERE)
            return

        exchange = _Exchange(scope, receive, send)
        sent = exchange.credential()
        user = self._site.claimed_user(*sent) if sent is not None else ""
        fault = self._faults.find(scope["method"], scope["path"], user)
        try:
            await self._answer(exchange, fault)
        finally:
            self._seen.add(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                headers=exchange.headers(),
                body=exchange.body,
                user=user,
                status=exchange.status,
                ms=exchange.milliseconds(),
            )

    async def _answer(self, exchange: "_Exchange", fault: Fault | None) -> None:
        if fault is not None and fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault is not None and fault.status is not None:
            await exchange.read_body()
            await exchange.respond(fault.status, fault.headers, fault.body)
            return
        scope = exchange.scope
        refusal = self._site.refusal(scope["method"], scope["path"], exchange.credential)
        if refusal is not None:
            await exchange.read_body()
            await exchange.respond(refusal.status, {"content-type": refusal.content_type}, refusal.body)
            return
        if fault is None or (fault.after_commit is None and not fault.close):
            await self._site.server.app(scope, exchange.receive, exchange.send)
            return

        # The server carries the request out and commits; its answer is kept back.
        answer = _KeptAnswer()
        await self._site.server.app(scope, exchange.receive, answer.keep)
        if fault.after_commit is not None:
            await exchange.respond(fault.after_commit, fault.headers, fault.body or "Internal Server Error")
            return
        await exchange.send(answer.start_of_length(len(answer.body) + 1))
        await exchange.send(
            {"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True}
        )
        raise ConnectionCut


class ConnectionCut(Exception):
    """A fault cut the connection in the middle of the answer; the server closes it for that."""


class _KeptAnswer:
    def __init__(self) -> None:
        self._start: Message = {}
        self.body = b""

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self.body += message.get("body", b"")

    def start_of_length(self, length: int) -> Message:
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        return {**self._start, "headers": [*headers, (b"content-length", str(length).encode())]}


class _Exchange:
    """One request and its answer, as they pass."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._began = time.perf_counter()
        self.body = b""
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.body += message.get("body", b"") or b""
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def read_body(self) -> None:
        """Read the whole body, which a client wants to have sent before it takes an answer."""
        while (await self.receive()).get("more_body"):
            pass

    async def respond(self, status: int, headers: dict[str, str], body: str) -> None:
        content = body.encode()
        all_headers = {"content-type": _PLAIN} | {name.lower(): value for name, value in headers.items()}
        all_headers["content-length"] = str(len(content))
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in all_headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": encoded})
        await self.send({"type": "http.response.body", "body": content, "more_body": False})

    def headers(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.scope["headers"]]

    def credential(self) -> tuple[str | None, str] | None:
        """Return login and secret as they were sent, if any; the login is None for Bearer."""
        header = dict(self.headers()).get("authorization", "")
        try:
            return sent_credentials(header.encode("latin-1"))
        except Unauthenticated:
            return None

    def milliseconds(self) -> float:
        return (time.perf_counter() - self._began) * 1000


def _is_loopback(scope: Message) -> bool:
    """Whether the connection comes from this machine."""
    client = scope.get("client")
    try:
        return client is not None and ip_address(client[0]).is_loopback
    except ValueError:
        return False
