"""A relay in front of a server, so that it is as far away as one on another machine."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 1 << 16


class Relay:
    """Forwards connections to a Unix socket, and holds back for some seconds what clients send.

    `round_trips` counts how often clients have sent something after the server had its say, over all connections.
    """

    def __init__(self, socket: str, seconds: float) -> None:
        self.round_trips = 0
        self._socket = socket
        self._seconds = seconds

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection in both directions until both have ended."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        turn = _Turn()
        await asyncio.gather(self._to_server(reader, server_writer, turn), self._to_client(server_reader, writer, turn))

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: "_Turn") -> None:
        loop = asyncio.get_running_loop()
        while part := await reader.read(_CHUNK):
            self.round_trips += not turn.is_servers
            turn.is_servers = True
            # Parts stay in order.
            loop.call_later(self._seconds, writer.write, part)
        loop.call_later(self._seconds, writer.close)

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: "_Turn") -> None:
        while part := await reader.read(_CHUNK):
            turn.is_servers = False
            writer.write(part)
        writer.close()


class _Turn:
    """Whether the server of a connection has something to answer."""

    is_servers = False


@contextmanager
def relaying(socket: str, seconds: float, port: int) -> Iterator[Relay]:
    """Run a relay in a thread, on a port of the loopback interface."""
    # The loop of the standard library: uvloop's timers are rounded to whole milliseconds.
    loop, relay = asyncio.new_event_loop(), Relay(socket, seconds)
    server = loop.run_until_complete(asyncio.start_server(relay.connected, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()
