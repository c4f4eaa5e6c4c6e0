"""Granian in our own event loop, with what it lacks: the port that it got, and a new certificate without a restart."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from granian._granian import ListenerSpec, SocketHolder
from granian.server.embed import Server

from onebucket import bounds

# Takes a file descriptor, whether it is a Unix socket, and the backlog; Granian's types know of no arguments.
_holder: Any = SocketHolder

# Returns the files of the next certificate chain and key if it is time for them. Raises NotRenewed.
Renewal = Callable[[], tuple[Path, Path] | None]


class NotRenewed(Exception):
    """There is no next certificate; the message says why. The one in use goes on."""


class EmbeddedServer(Server):
    """Granian's server; `port` is known once it listens."""

    port = 0
    _listening: socket.socket | None = None

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd: Any = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        # Granian's worker closes its own copy when it ends; this one is for the next worker.
        listening = self._listening = socket.socket(fileno=os.dup(self._shd.get_fd()))
        self.port = listening.getsockname()[1]
        self._prepare(listening)

    def _prepare(self, listening: socket.socket) -> None:
        """Set options of the socket that it listens on; accepted connections inherit them."""

    def replace_certificate(self, certificate: Path, key: Path) -> None:
        """Show another certificate to new connections.

        Requests under way are answered, connections that wait for the next request are closed, none is refused.
        """
        if self._listening is None:
            return
        self.ssl_ctx: Any = (self.ssl_ctx[0], str(certificate), str(key), *self.ssl_ctx[3:])
        self._shd = _holder(os.dup(self._listening.fileno()), False, self.backlog)
        self.reload()  # type: ignore[no-untyped-call]

    def _reload(self, spawn_target: Any, target_loader: Any) -> Coroutine[Any, Any, None]:
        """Replace the worker at once. Granian itself keeps the old one, with its certificate, for some seconds."""
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        return self._respawn_workers([0], spawn_target, target_loader)

    def stop(self) -> None:
        """Listen no more, and end when the requests under way are answered."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        super().stop()  # type: ignore[no-untyped-call]


async def keep_certificate_new(server: EmbeddedServer, renewal: Renewal) -> None:
    """Replace the server's certificate whenever the next one is due, for ever."""
    while True:
        # By the clock of the day, looked at often: a machine that sleeps stops the clock that `sleep` goes by.
        await asyncio.sleep(bounds.CERTIFICATE_CHECK_SECONDS)
        try:
            files = await asyncio.to_thread(renewal)
        except NotRenewed as error:
            logging.getLogger("onebucket.certificate").warning("the certificate could not be replaced: %s", error)
            continue
        if files is not None:
            server.replace_certificate(*files)
