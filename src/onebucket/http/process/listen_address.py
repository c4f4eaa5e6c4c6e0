"""The listen address, checked before the server starts."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class CannotListen(Exception):
    """The address is in use or not of this machine, or the TLS certificate or key can't be used."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Host and port to listen on, the TLS certificate and key, if any, and whether HTTP/2 is offered over TLS.

    `renewal` returns the files of the next certificate when it is due (`embedded_server.Renewal`).
    """

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    speaks_http2: bool = False
    renewal: Callable[[], tuple[Path, Path] | None] | None = None

    def check(self) -> None:
        """Check that the port is free and the TLS files can be used. Raises CannotListen."""
        _check_port_is_free(self.host, self.port)
        if self.tls_cert is not None and self.tls_key is not None:
            _check_tls_files(self.tls_cert, self.tls_key)


def _check_port_is_free(host: str, port: int) -> None:
    """Refuse a port in use: two servers could share it unnoticed, and the kernel would split the connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotListen(f"can't listen on {host} port {port}: {error.strerror}") from None


def _check_tls_files(certificate: Path, key: Path) -> None:
    """Load the certificate and key now, where an error can be reported; never prompt for a passphrase."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        raise CannotListen(f"{certificate} and {key} must be PEM, belong together and need no passphrase") from None
    except OSError as error:
        raise CannotListen(f"can't read {certificate} or {key}: {error.strerror}") from None
