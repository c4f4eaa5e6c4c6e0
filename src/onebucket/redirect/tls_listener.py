"""An HTTPS server on loopback for HTTP/1.1 and HTTP/2, on a free port."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols, TaskImpl
from granian.http import HTTP1Settings, HTTP2Settings

from onebucket import bounds
from onebucket.embedded_server import EmbeddedServer, Renewal, keep_certificate_new


class TlsListener:
    """Serves `app` with a certificate, and with the next one when `renewal` has it; `port` is known once it listens."""

    def __init__(self, app: Any, certificate: Path, key: Path, renewal: Renewal) -> None:
        logging.getLogger("_granian").setLevel(logging.ERROR)
        self._granian = EmbeddedServer(
            app,
            address="127.0.0.1",
            port=0,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            http1_settings=HTTP1Settings(
                header_read_timeout=round(bounds.HEAD_SECONDS * 1000), max_buffer_size=bounds.LONGEST_HEAD
            ),
            http2_settings=HTTP2Settings(max_headers_size=bounds.LONGEST_HEAD),
            websockets=False,
            backlog=bounds.BACKLOG,
            runtime_threads=bounds.SOCKET_THREADS,
            blocking_threads=bounds.PYTHON_THREADS,
            task_impl=TaskImpl.asyncio,
            log_enabled=False,
            ssl_cert=certificate,
            ssl_key=key,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._renewal = renewal
        self._serving: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._granian.port

    async def start(self) -> None:
        """Start, and return when it accepts connections."""
        loop = asyncio.get_running_loop()
        self._serving = loop.create_task(self._granian.serve())
        self._renewing = loop.create_task(keep_certificate_new(self._granian, self._renewal))
        while not self._serving.done():
            if self.port:
                try:
                    async with asyncio.timeout(bounds.LOOPBACK_SECONDS):
                        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    pass
                else:
                    writer.close()
                    return
            await asyncio.sleep(0.005)
        self._serving.result()

    async def stop(self) -> None:
        """Stop, and wait for the requests under way."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._serving is not None:
            self._granian.stop()
            await asyncio.wait([self._serving], timeout=bounds.LOOPBACK_SECONDS)
