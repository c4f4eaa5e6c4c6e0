"""Where to listen: whether that can be done is found out before anything is started there."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path


class CannotListen(Exception):
    """The address is in use or not this machine's, or the certificate and its key can't be used."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen, and the certificate with which to speak TLS there."""

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def check(self) -> None:
        """Raises CannotListen."""
        _check_port_is_free(self.host, self.port)
        if self.tls_cert is not None and self.tls_key is not None:
            _check_tls_files(self.tls_cert, self.tls_key)


def _check_port_is_free(host: str, port: int) -> None:
    """Two servers could share a port without either noticing: the kernel would deal out the requests."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotListen(f"can't listen on {host} port {port}: {error.strerror}") from None


def _check_tls_files(certificate: Path, key: Path) -> None:
    """What is wrong with a certificate or its key is found out where it can be said, and no passphrase is asked for."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        raise CannotListen(f"{certificate} and {key} must be PEM, belong together and need no passphrase") from None
    except OSError as error:
        raise CannotListen(f"can't read {certificate} or {key}: {error.strerror}") from None
