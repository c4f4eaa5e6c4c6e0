"""Configures Granian, the ASGI server, with our limits and deadlines for connections."""

import os
import socket
from typing import Any

from granian._granian import ListenerSpec
from granian.constants import HTTPModes, Interfaces, SSLProtocols, TaskImpl
from granian.http import HTTP1Settings
from granian.server.embed import Server

from onebucket import bounds
from onebucket.http.process import file_descriptors
from onebucket.http.process.listen_address import ListenAddress
from onebucket.http.request import Application


class Listener(Server):
    """Granian, with a timeout for clients that stop reading (`bounds.STALLED_SECONDS`)."""

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd: Any = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        # Neither Granian nor the kernel times out a client that stops reading. Linux does with TCP_USER_TIMEOUT, and
        # accepted connections inherit it from the listening socket.
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            with socket.socket(fileno=os.dup(self._shd.get_fd())) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(bounds.STALLED_SECONDS * 1000))


def listener(app: Application, place: ListenAddress) -> Listener:
    """Make the server for `app`; it listens when its `serve` is called."""
    return Listener(
        app,
        address=place.host,
        port=place.port,
        interface=Interfaces.ASGINL,
        # Granian has no idle timeout for HTTP/2, neither before the first byte nor between requests.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=round(bounds.HEAD_SECONDS * 1000),
            keep_alive=True,
            max_buffer_size=bounds.LONGEST_HEAD,
            pipeline_flush=False,
        ),
        http2_settings=None,
        websockets=False,
        backlog=bounds.BACKLOG,
        backpressure=file_descriptors.max_connections(file_descriptors.raise_limit()),
        runtime_threads=bounds.SOCKET_THREADS,
        runtime_blocking_threads=None,
        blocking_threads=bounds.PYTHON_THREADS,
        blocking_threads_idle_timeout=30,
        task_impl=TaskImpl.asyncio,
        log_enabled=False,
        ssl_cert=place.tls_cert,
        ssl_key=place.tls_key,
        # Granian's default is TLS 1.3, which older clients don't speak.
        ssl_protocol_min=SSLProtocols.tls12,
    )
