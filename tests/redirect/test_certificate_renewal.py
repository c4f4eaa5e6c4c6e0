"""Servers that answer as Bitbucket replace their certificate before it ends, and refuse nobody meanwhile."""

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

import live
from live import wait_until
from onebucket import bounds
from onebucket.embedded_server import NotRenewed
from onebucket.http.process import serving
from onebucket.http.process.listen_address import ListenAddress
from onebucket.redirect import certificate_authority, session
from onebucket.redirect.certificate_authority import CertificateAuthority
from onebucket.redirect.server_certificate import ServerCertificate


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CERTIFICATE_CHECK_SECONDS", 0.02)


def kept_authority(folder: Path) -> Callable[[datetime], CertificateAuthority]:
    return lambda at: certificate_authority.load_or_create(folder / "ca", at=at)


@pytest.fixture
def certificate(tmp_path: Path, clock: Clock) -> ServerCertificate:
    return ServerCertificate(tmp_path, kept_authority(tmp_path), clock=clock)


def ends(chain: Path) -> datetime:
    return x509.load_pem_x509_certificates(chain.read_bytes())[0].not_valid_after_utc


def issuer(chain: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain.read_bytes())[1]


@contextmanager
def connected(port: int) -> Iterator[ssl.SSLSocket]:
    """Connect without verifying: the certificates are good by the clock of the test."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="bitbucket.org") as secure,
    ):
        yield secure


def shown(port: int) -> datetime:
    """Return the end of the certificate that the server on a port shows to a new connection."""
    with connected(port) as secure:
        sent = secure.getpeercert(binary_form=True)
    assert sent is not None
    return x509.load_der_x509_certificate(sent).not_valid_after_utc


def test_the_next_certificate_is_issued_when_a_third_of_the_time_is_left(
    certificate: ServerCertificate, clock: Clock
) -> None:
    chain, _ = certificate.issue()
    clock.advance(19.9)
    early = certificate.renew_if_due()
    clock.advance(0.1)

    files = certificate.renew_if_due()

    assert early is None
    assert files is not None
    assert ends(files[0]) - ends(chain) == timedelta(days=20)
    assert ends(files[0]) - clock.now == timedelta(days=30)
    assert issuer(files[0]) == issuer(chain)
    assert certificate.renew_if_due() is None


def test_an_authority_that_ends_is_replaced_before_its_certificates_outlive_it(
    certificate: ServerCertificate, clock: Clock
) -> None:
    chains = []
    for _ in range(70):
        chain, _ = certificate.issue()
        assert ends(chain) < issuer(chain).not_valid_after_utc
        chains.append(chain)
        clock.advance(20)

    assert len({issuer(chain) for chain in chains}) == 2


def test_a_folder_that_others_can_use_by_then_keeps_the_certificate_as_it_is(
    certificate: ServerCertificate, clock: Clock, tmp_path: Path
) -> None:
    certificate.issue()
    (tmp_path / "ca").chmod(0o777)
    clock.advance(21)

    with pytest.raises(NotRenewed, match=r"can use .*/ca: .*chmod 0700 "):
        certificate.renew_if_due()

    (tmp_path / "ca").chmod(0o700)
    assert certificate.renew_if_due() is not None


@contextmanager
def redirected(clock: Clock, folder: Path, server: str) -> Iterator[int]:
    """Redirect to `server` in a thread; yield the port that shows the certificate."""
    authority = kept_authority(folder)(clock.now)
    made = session.Redirection(server, environment={}, clock=clock)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        variables = asyncio.run_coroutine_threadsafe(made.start(folder, authority), loop).result(30)
        yield int(variables["ONEBUCKET_RUN_PORT"])
        asyncio.run_coroutine_threadsafe(made.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@pytest.mark.usefixtures("often")
def test_a_long_run_gets_the_next_certificate(served: live.Live, clock: Clock, tmp_path: Path) -> None:
    with redirected(clock, tmp_path, served.base) as port:
        first = shown(port)
        for _ in range(2):
            clock.advance(21)
            wait_until(lambda: shown(port) == clock.now + timedelta(days=30))

    assert first == datetime(2026, 12, 29, 12, tzinfo=UTC)


@pytest.mark.usefixtures("often")
def test_a_server_refuses_nobody_while_its_certificate_is_replaced(
    certificate: ServerCertificate, clock: Clock, tmp_path: Path
) -> None:
    async def application(scope: dict[str, object], receive: object, send: Callable[..., object]) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(1)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[misc]
        await send({"type": "http.response.body", "body": b"ok", "more_body": False})  # type: ignore[misc]

    port, is_ready = live.free_port(), threading.Event()
    address = ListenAddress("127.0.0.1", port, *certificate.issue(), renewal=certificate.renew_if_due)
    stop_reader, stop_writer = os.pipe()
    server = threading.Thread(
        target=lambda: serving.run(application, address, on_ready=is_ready.set, stop_pipe=stop_reader),  # type: ignore[arg-type]
        daemon=True,
    )
    server.start()
    assert is_ready.wait(30)
    with connected(port) as slow:
        slow.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)

        clock.advance(21)
        asked = [shown(port)]
        while len(asked) < 500 and asked[-20:] != [clock.now + timedelta(days=30)] * 20:
            asked.append(shown(port))
        answer = slow.recv(1000)

    os.write(stop_writer, b".")
    server.join(30)
    assert set(asked[-20:]) == {clock.now + timedelta(days=30)}
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert not server.is_alive()
    with pytest.raises(ConnectionRefusedError):
        shown(port)
