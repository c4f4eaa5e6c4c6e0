"""Configures Granian, the ASGI server, with our limits and deadlines for connections."""

import socket

from granian.constants import HTTPModes, Interfaces, SSLProtocols, TaskImpl
from granian.http import HTTP1Settings, HTTP2Settings

from onebucket import bounds
from onebucket.embedded_server import EmbeddedServer
from onebucket.http.process import file_descriptors
from onebucket.http.process.listen_address import ListenAddress
from onebucket.http.request import Application


class Listener(EmbeddedServer):
    """Granian, with a timeout for clients that stop reading (`bounds.STALLED_SECONDS`)."""

    def _prepare(self, listening: socket.socket) -> None:
        # Neither Granian nor the kernel times out a client that stops reading. Linux does with TCP_USER_TIMEOUT.
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(bounds.STALLED_SECONDS * 1000))


def listener(app: Application, address: ListenAddress) -> Listener:
    """Make the server for `app`; it listens when its `serve` is called."""
    return Listener(
        app,
        address=address.host,
        port=address.port,
        interface=Interfaces.ASGINL,
        # Granian has no idle timeout for HTTP/2, neither before the first byte nor between requests: it is for servers
        # that only trusted machines reach.
        http=HTTPModes.auto if address.speaks_http2 else HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=round(bounds.HEAD_SECONDS * 1000),
            keep_alive=True,
            max_buffer_size=bounds.LONGEST_HEAD,
            pipeline_flush=False,
        ),
        http2_settings=HTTP2Settings(
            max_headers_size=bounds.LONGEST_HEAD,
            # A peer that has gone without a word is noticed.
            keep_alive_interval=round(bounds.HEAD_SECONDS * 1000),
            keep_alive_timeout=round(bounds.HEAD_SECONDS),
        )
        if address.speaks_http2
        else None,
        websockets=False,
        backlog=bounds.BACKLOG,
        backpressure=file_descriptors.max_connections(file_descriptors.raise_limit()),
        runtime_threads=bounds.SOCKET_THREADS,
        runtime_blocking_threads=None,
        blocking_threads=bounds.PYTHON_THREADS,
        blocking_threads_idle_timeout=30,
        task_impl=TaskImpl.asyncio,
        log_enabled=False,
        ssl_cert=address.tls_cert,
        ssl_key=address.tls_key,
        # Granian's default is TLS 1.3, which older clients don't speak.
        ssl_protocol_min=SSLProtocols.tls12,
    )
