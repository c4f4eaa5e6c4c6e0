"""Connections that say nothing, stop halfway or read nothing: they end in time, and nobody else waits for them."""

import resource
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

import live
from live import COMMAND, Live
from onebucket.http.process import file_descriptors
from pg import Postgres

pytestmark = pytest.mark.subprocess

# The server with deadlines that a test can wait for.
HASTY = (
    sys.executable,
    "-P",
    "-c",
    "from onebucket import bounds\n"
    "bounds.HEAD_SECONDS, bounds.BODY_SECONDS, bounds.STALLED_SECONDS = 1.0, 1.5, 2.0\n"
    "from onebucket.cli import main\nmain()",
)
SILENT, HALF_SENT, STOPPED = 2000, 500, 500


def half_sent(path: str, *lines: str) -> bytes:
    """A POST of which only the beginning of the body comes."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *lines, "Content-Length: 99", "", "name="]).encode()


HALF_A_FORM = half_sent("/sign-in", "Content-Type: application/x-www-form-urlencoded")
HALF_A_CHANGE = half_sent("/1.0/groups/acme", "Authorization: OAuth x")
# Nobody reads the answers, and they are more than the kernel keeps.
MUCH = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 60


@pytest.fixture(autouse=True, scope="module")
def _descriptors() -> Iterator[None]:
    """The test holds the other ends."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    file_descriptors.raise_limit()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def hasty(cast_template: Path, tmp_path: Path) -> Iterator[Live]:
    """A server whose deadlines are short."""
    with live.with_the_cast(cast_template, tmp_path, wrapped=HASTY) as running:
        yield running


def connected(running: Live, *, room: int | None = None) -> socket.socket:
    """A connection that takes in no more than `room` bytes before somebody reads them."""
    connection = socket.socket()
    connection.settimeout(30)
    if room is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.connect(("127.0.0.1", running.port))
    return connection


@contextmanager
def a_crowd(running: Live) -> Iterator[list[socket.socket]]:
    """All sorts of connections that hold on to the server and ask nothing that could be finished."""
    with ExitStack() as stack:
        kept = [stack.enter_context(connected(running)) for _ in range(SILENT)]
        for number in range(HALF_SENT):
            kept.append(stack.enter_context(connected(running)))
            kept[-1].sendall(HALF_A_FORM if number % 2 else HALF_A_CHANGE)
        for _ in range(STOPPED):
            kept.append(stack.enter_context(connected(running, room=4096)))
            kept[-1].sendall(MUCH)
        yield kept


def held(running: Live) -> int:
    """How many descriptors the server has open."""
    return sum(1 for _ in Path(f"/proc/{running.process.pid}/fd").iterdir())


def answers_within_a_second(running: Live) -> bool:
    """Whether new connections are answered in time: all at last, and one of ten at once, as others use the machine."""
    taken = []
    for _ in range(10):
        before = time.monotonic()
        assert httpx.get(running.base + "/healthz", timeout=30).status_code == 200
        taken.append(time.monotonic() - before)
    return min(taken) <= 1


def test_thousands_that_say_nothing_finish_nothing_or_read_nothing_keep_nobody_waiting(
    cast_template: Path, tmp_path: Path
) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running, a_crowd(running):
        assert answers_within_a_second(running)
        assert running("alice", "GET", "/1.0/groups/acme/designers").status_code == 200
        changed = running("alice", "PUT", "/1.0/groups/acme/designers/members/mallory", content=b"{}")
        assert changed.status_code == 200


def test_several_workers_hold_as_many(postgres: Postgres, cast_on_postgres: str, tmp_path: Path) -> None:
    url = postgres.url(postgres.create(cast_on_postgres))
    with Live(tmp_path, "--workers", "2", url=url) as running, a_crowd(running):
        assert answers_within_a_second(running)


def test_connections_that_stop_halfway_are_all_closed_in_time(hasty: Live) -> None:
    before = held(hasty)

    with a_crowd(hasty):
        # Some of the first may be closed before the last is open.
        live.wait_until(lambda: held(hasty) > before + STOPPED // 2)
        live.wait_until(lambda: held(hasty) <= before + 20)


@pytest.mark.parametrize(
    "said",
    [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
    ids=["nothing", "a byte", "half the headers", "a whole request, then nothing"],
)
def test_a_connection_has_a_deadline_for_each_thing_it_says(hasty: Live, said: bytes) -> None:
    with connected(hasty) as connection:
        connection.sendall(said)
        heard = b"".join(iter(lambda: connection.recv(1 << 16), b""))

    assert heard.startswith(b"HTTP/1.1 200 OK") == said.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("said", [HALF_A_FORM, HALF_A_CHANGE], ids=["to a page", "to the API"])
def test_a_body_that_does_not_come_is_answered_408_and_the_connection_closed(hasty: Live, said: bytes) -> None:
    with connected(hasty) as connection:
        connection.sendall(said)
        heard = b"".join(iter(lambda: connection.recv(1 << 16), b""))

    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in heard.lower()
    assert heard.endswith(b"Request Timeout: the body must arrive within 1.5 seconds.")


def test_a_byte_of_the_body_now_and_then_is_not_enough(hasty: Live) -> None:
    with connected(hasty) as connection:
        connection.sendall(HALF_A_CHANGE)
        connection.settimeout(0.3)
        heard, until = b"", time.monotonic() + 30
        while not heard:
            assert time.monotonic() < until
            try:
                heard = connection.recv(1 << 16)
            except TimeoutError:
                connection.sendall(b"x")

    assert heard.startswith(b"HTTP/1.1 408 ")


def test_a_reader_who_takes_a_little_now_and_then_is_not_cut_off(hasty: Live) -> None:
    whole = len(httpx.get(hasty.base + "/openapi.json").content)
    with connected(hasty, room=4096) as connection:
        connection.sendall(MUCH)
        heard = 0
        while heard < whole * 3:
            heard += len(connection.recv(4096))
            time.sleep(0.02 if heard < whole else 0)

    assert heard >= whole * 3


def test_tls_handshakes_that_are_never_made_keep_nobody_waiting(cast_template: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    arguments = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))

    with live.with_the_cast(cast_template, tmp_path, *arguments, secure=True) as running, ExitStack() as stack:
        before = held(running)
        for _ in range(300):
            stack.enter_context(connected(running))
        answer = httpx.get(running.base + "/healthz", verify=trusting, timeout=10)
        assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
        # Threads of the server open their connections to the database meanwhile.
        live.wait_until(lambda: held(running) <= before + 20)


def test_the_limit_of_descriptors_is_raised_when_it_is_served(cast_template: Path, tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -S -n 300; exec "$@"', "sh", *COMMAND)

    with live.with_the_cast(cast_template, tmp_path, wrapped=limited) as running, ExitStack() as stack:
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        for _ in range(400):
            stack.enter_context(connected(running))
        assert running(None, "GET", "/healthz").status_code == 200

    soft = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
    assert int(soft) == file_descriptors.limit()
