"""Sends one POST to an address that a user chose, and only to where that may lead (server-side request forgery).

A name is resolved once, every address that it has is checked, and one of these is connected to, with the name in `Host`
and TLS: who answers another address the second time, isn't asked a second time. No redirect is followed, and no proxy
is used, because it would resolve the name itself.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import httpx

from onebucket import webhook_addresses
from onebucket.webhook_addresses import AllowedPlaces, BadAddress, Target

# Returns the addresses of a host. Raises OSError.
Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """The status and the beginning of the response; without a status, `error` says in a sentence why there is none."""

    status: int | None
    text: str
    error: str | None
    milliseconds: int


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [*dict.fromkeys(str(address[0]) for *_, address in found)]


class CallbackClient:
    """Sends POSTs that must be answered within `seconds`, and reads at most `most_bytes` of a response."""

    def __init__(
        self,
        allowed: AllowedPlaces,
        *,
        seconds: float,
        most_bytes: int,
        resolve: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = _tls,
    ) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._resolve = resolve
        self._tls = tls

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> CallbackResponse:
        """Send a body, and return what came of it; raises nothing."""
        began = time.monotonic()
        status, content, error = None, bytearray(), None
        try:
            async with asyncio.timeout(self._seconds):
                target = webhook_addresses.parse_url(url, self._allowed)
                async with (
                    httpx.AsyncClient(
                        verify=self._tls() if target.is_secure else False, trust_env=False, follow_redirects=False,
                        timeout=self._seconds,
                    ) as client,
                    aclosing(await self._sent(client, target, body, headers)) as response,
                ):  # fmt: skip
                    status = response.status_code
                    async for chunk in response.aiter_raw():
                        content += chunk[: self._most_bytes - len(content)]
                        if len(content) >= self._most_bytes:
                            break
        except BadAddress as refused:
            error = str(refused)
        except (TimeoutError, httpx.TimeoutException):
            error = f"it has not answered within {self._seconds:g} seconds"
        except OSError as failure:
            error = f"it can't be reached: {failure.strerror or failure}"
        except httpx.HTTPError as failure:
            error = f"it can't be reached: {failure or type(failure).__name__}"
        text = content.decode(errors="replace").replace("\0", "")
        # Its status is what counts: the rest of a response may be slow, broken or too long.
        return CallbackResponse(
            status, text, None if status is not None else error, round((time.monotonic() - began) * 1000)
        )

    async def _sent(
        self, client: httpx.AsyncClient, target: Target, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Send the request to the first checked address that accepts a connection, and return the open response.

        Raises BadAddress, OSError, httpx.HTTPError.
        """
        addresses = await self._resolve(target.host, target.port)
        self._allowed.check(target.host, addresses)
        failure: httpx.HTTPError | None = None
        for address in addresses:
            request = client.build_request(
                "POST",
                _at_address(target, address),
                content=body,
                headers={**headers, "Host": _host_header(target), "Accept-Encoding": "identity"},
                extensions={"sni_hostname": target.host.rstrip(".")},
            )
            try:
                return await client.send(request, stream=True)
            except httpx.ConnectError as error:
                failure = error
        raise failure or OSError(f"{target.host} has no address")


def _at_address(target: Target, address: str) -> str:
    """Return the URL with an address in place of its host."""
    parts = urlsplit(target.url)
    bracketed = f"[{address}]" if ":" in address else address
    return urlunsplit((parts.scheme, f"{bracketed}:{target.port}", parts.path or "/", parts.query, ""))


def _host_header(target: Target) -> str:
    bracketed = f"[{target.host}]" if ":" in target.host else target.host
    return bracketed if target.port == (443 if target.is_secure else 80) else f"{bracketed}:{target.port}"
