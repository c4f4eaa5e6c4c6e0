"""An HTTP CONNECT proxy on loopback: it leads Bitbucket's two names to a port of ours, and tunnels the rest."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from onebucket import bounds
from onebucket.redirect.certificate_authority import HOSTS
from onebucket.redirect.tunnel import TunnelEnd


@dataclass(slots=True)
class TunnelCount:
    """How many connections the command asked for: to Bitbucket's names, and to other hosts."""

    redirected: int = 0
    others: int = 0


class ConnectProxy:
    """Serves CONNECT; `upstream` is the proxy that other hosts are reached through, as `http://host:port`, or empty."""

    def __init__(self, tls_port: int, *, upstream: str = "") -> None:
        self._tls_port = tls_port
        self._upstream = urlsplit(upstream) if upstream else None
        self._server: asyncio.Server | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self.count = TunnelCount()

    async def start(self) -> int:
        """Listen on loopback; return the port."""
        loop = asyncio.get_running_loop()

        def begin(client: TunnelEnd) -> None:
            task = loop.create_task(self._serve(client))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

        self._server = await loop.create_server(lambda: TunnelEnd(begin), "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Accept no more connections."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, client: TunnelEnd) -> None:
        """Answer one CONNECT, and join the client with the host that it asks for."""
        try:
            async with asyncio.timeout(bounds.HEAD_SECONDS):
                head = await client.head()
        except (EOFError, ValueError, TimeoutError):
            # It has gone, or never spoke HTTP.
            client.transport.close()
            return
        method, _, rest = head.partition(b" ")
        target = rest.partition(b" ")[0].decode("latin-1")
        host, _, port = target.rpartition(":")
        if method != b"CONNECT" or not host or not port.isdigit():
            _refuse(client, "501 Not Implemented", "this proxy only answers CONNECT")
            return
        try:
            peer = await self._connect(host.strip("[]").lower(), int(port), target)
        except (OSError, EOFError, ValueError) as error:
            _refuse(client, "502 Bad Gateway", f"can't reach {target}: {getattr(error, 'strerror', None) or error}")
            return
        client.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        client.join(peer)

    async def _connect(self, host: str, port: int, target: str) -> TunnelEnd:
        """Connect to the host, or to its local replacement. Raises OSError, EOFError, ValueError."""
        if host in HOSTS and port == 443:
            self.count.redirected += 1
            return await _connected("127.0.0.1", self._tls_port)
        self.count.others += 1
        async with asyncio.timeout(bounds.CONNECT_SECONDS):
            if self._upstream is None:
                return await _connected(host, port)
            return await _through(self._upstream.hostname or "", self._upstream.port or 80, target)


async def _connected(host: str, port: int) -> TunnelEnd:
    _, end = await asyncio.get_running_loop().create_connection(TunnelEnd, host, port)
    return end


async def _through(proxy: str, port: int, target: str) -> TunnelEnd:
    """Open a tunnel to `target` through another proxy. Raises OSError, EOFError, ValueError."""
    end = await _connected(proxy, port)
    end.transport.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = await end.head()
    if head.split(b" ", 2)[1:2] != [b"200"]:
        end.transport.close()
        answer = head.partition(b"\r\n")[0].decode("latin-1")
        raise OSError(f"the proxy {proxy}:{port} answers {answer}")
    return end


def _refuse(client: TunnelEnd, status: str, why: str) -> None:
    body = f"onebucket run: {why}\n".encode("ascii", "replace")
    head = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    ]
    client.transport.write("\r\n".join(head).encode() + body)
    client.transport.close()
