"""Runs an application in this process, from its first connection to its last."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from onebucket import bounds
from onebucket.http.process.listen_address import ListenAddress
from onebucket.http.request import Application

if TYPE_CHECKING:
    from onebucket.embedded_server import EmbeddedServer, Renewal


def run(
    app: Application, address: ListenAddress, *, on_ready: Callable[[], None], stop_pipe: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish open requests for `bounds.GRACE_SECONDS`. Raises CannotListen.

    `on_ready` is called when the server accepts connections. A worker obeys its parent instead of signals: `stop_pipe`
    is a file descriptor on which each byte, and end of file, counts as a signal.
    """
    # Importing Granian takes long.
    from onebucket.http.process.listener import listener

    logging.getLogger("_granian").setLevel(logging.ERROR)

    async def serve() -> None:
        granian = listener(app, address)
        loop = asyncio.get_running_loop()
        stop_requests: asyncio.Queue[None] = asyncio.Queue()
        _install_signal_handlers(loop, stop_requests, stop_pipe)
        serving = _start(granian, address.renewal)
        await _wait_until_listening(serving, address.host, address.port)
        on_ready()
        await _wait_for_first(serving, stop_requests.get())

        # Granian now accepts no connections, and ends when open requests are answered. What is left is cut off after
        # the grace period or at a second signal.
        granian.stop()
        await _wait_for_first(serving, stop_requests.get(), seconds=bounds.GRACE_SECONDS)
        if serving.done():
            serving.result()
        else:
            # Connections that are cut off would log errors.
            loop.set_exception_handler(lambda loop, context: None)

    if stop_pipe is None:
        address.check()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve())


def _start(server: "EmbeddedServer", renewal: "Renewal | None") -> "asyncio.Task[None]":
    """Serve in a task; as long as it runs, the certificate is kept new if there is a `renewal`."""
    from onebucket.embedded_server import keep_certificate_new

    loop = asyncio.get_running_loop()
    serving = loop.create_task(server.serve())
    if renewal is not None:
        renewing = loop.create_task(keep_certificate_new(server, renewal))
        serving.add_done_callback(lambda _: renewing.cancel())
    return serving


def _install_signal_handlers(
    loop: asyncio.AbstractEventLoop, stop_requests: "asyncio.Queue[None]", stop_pipe: int | None
) -> None:
    if stop_pipe is None:
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop_signal, stop_requests.put_nowait, None)
        return

    def on_readable() -> None:
        if not os.read(stop_pipe, 1):
            loop.remove_reader(stop_pipe)
        stop_requests.put_nowait(None)

    loop.add_reader(stop_pipe, on_readable)


async def _wait_for_first(*waiting: Awaitable[None], seconds: float | None = None) -> None:
    """Wait until the first of several awaitables is done, or until the timeout."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in waiting]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _wait_until_listening(serving: "asyncio.Task[None]", host: str, port: int) -> None:
    """Wait until the server accepts connections, or has failed."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where it listens, not where we bind
    while not serving.done():
        try:
            async with asyncio.timeout(bounds.LOOPBACK_SECONDS):
                _, writer = await asyncio.open_connection(local, port)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        writer.close()
        return


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
