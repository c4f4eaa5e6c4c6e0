"""How a server ends: SIGTERM finishes what is under way, and what SIGKILL interrupts is whole or not there at all."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

import cast
import live
import sizes
from live import Live, basic
from onebucket.bounds import GRACE_SECONDS

pytestmark = pytest.mark.subprocess

# On databases of their own, so that none grows large, and side by side where there are several cores.
PARTS = 8

# The server with less patience at its end.
IMPATIENT = (
    sys.executable,
    "-P",
    "-c",
    "from onebucket import bounds; bounds.GRACE_SECONDS = 0.5; from onebucket.cli import main; main()",
)


@contextmanager
def held_up(running: Live) -> Iterator[None]:
    """Somebody else writes to the database meanwhile, so that no change can be made."""
    with closing(sqlite3.connect(running.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")


def asking(running: Live, path: str, body: str, *, all_of_it: bool = True) -> socket.socket:
    """A connection of alice's on which a POST has arrived, or its beginning."""
    sent = body if all_of_it else body[:4]
    authorization = f"Authorization: {basic('alice')['Authorization']}"
    heads = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", authorization]
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=30)
    connection.sendall("\r\n".join([*heads, "", sent]).encode())
    return connection


def let_it_arrive(running: Live) -> None:
    """Wait until what was sent has been taken up: whoever comes later has been answered, again and again."""
    for _ in range(5):
        running(None, "GET", "/healthz")
        time.sleep(0.05)


def status(connection: socket.socket) -> int:
    """The status of what is answered; the connection is then closed."""
    with connection:
        return int(connection.recv(1 << 16)[9:12] or b"0")


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_change_under_way_is_finished_first(cast_template: Path, tmp_path: Path, told: signal.Signals) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        with held_up(running):
            changes = [asking(running, "/1.0/groups/acme", f"name=Late+{number}") for number in range(5)]
            let_it_arrive(running)
            running.begin_stopping(told)
            wait_until_it_listens_no_more(running)
            assert running.process.poll() is None

        assert [status(change) for change in changes] == [200] * 5
        assert running.stop() == 0
        assert not list(tmp_path.glob("*-wal"))
        assert running.rows("SELECT count(*) FROM groups WHERE slug LIKE 'late-%'") == [(5,)]


def wait_until_it_listens_no_more(running: Live) -> None:
    with pytest.raises(httpx.ConnectError):
        for _ in range(200):
            # Whoever comes in the very moment may be cut off in place of being refused.
            with suppress(httpx.ReadError, httpx.RemoteProtocolError):
                running(None, "GET", "/healthz")
            time.sleep(0.02)


def test_a_request_that_is_still_coming_in_is_answered(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        change = asking(running, "/1.0/groups/acme", "name=Late", all_of_it=False)
        let_it_arrive(running)
        running.begin_stopping(signal.SIGTERM)
        wait_until_it_listens_no_more(running)
        change.sendall(b"=Late")

        assert status(change) == 200
        assert running.stop() == 0


def test_connections_that_idle_do_not_hold_it_up(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running, running.client("alice") as client:
        client.get("/1.0/groups/acme")

        before = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - before < GRACE_SECONDS / 2


def test_whoever_stalls_is_cut_off_in_the_end(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path, wrapped=IMPATIENT) as running, held_up(running):
        stalling = asking(running, "/1.0/groups/acme", "name=Never", all_of_it=False)
        change = asking(running, "/1.0/groups/acme", "name=Too+Late")
        let_it_arrive(running)
        running.begin_stopping(signal.SIGTERM)

        # Nobody is told of success any more, so nothing is done when the database is free again.
        assert (status(stalling), status(change)) == (500, 500)

    assert running.process.returncode == 0
    assert running.log() == ""
    assert running.rows("SELECT count(*) FROM groups WHERE slug LIKE 'too%'") == [(0,)]


def test_a_second_signal_stops_it_at_once(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        stalling = asking(running, "/1.0/groups/acme", "name=Never", all_of_it=False)
        let_it_arrive(running)
        running.begin_stopping(signal.SIGINT)
        wait_until_it_listens_no_more(running)

        before = time.monotonic()
        assert running.stop(signal.SIGINT) == 0
        assert time.monotonic() - before < GRACE_SECONDS / 2
        stalling.close()


# -- SIGKILL under load -----------------------------------------------------------------------------

# Importing takes most of the time that a server needs to start: one process does it, and forks into a server each time.
FORKING = """
import contextlib, io, json, os, sys
import granian.server.embed, sqlalchemy.dialects.sqlite, uvloop
import onebucket.cli.mail_setup, onebucket.cli.keys, onebucket.cli.logs, onebucket.http.wiring
import onebucket.http.limits.shared_counters, onebucket.store.sqlite.database
from onebucket.cli import main

sys.argv = ["onebucket", "serve", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()

while line := sys.stdin.readline():
    pid = os.fork()
    if not pid:
        *arguments, stdout, stderr = json.loads(line)
        for number, (name, how) in enumerate(((stdout, os.O_TRUNC), (stderr, os.O_APPEND)), start=1):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | how), number)
        sys.argv = ["onebucket", *arguments]
        main()
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


class Forked(Live):
    """A server that starts at once each time, as a fork of a process that has imported everything."""

    def _spawn(self) -> None:
        if not hasattr(self, "process"):
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", FORKING],
                cwd=self.folder,
                env=live.environment(data=str(self.folder), **live.UNLIMITED),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self.port = live.free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        files = [str(self.folder / name) for name in ("stdout", "stderr")]
        Path(files[0]).write_text("")
        line = ["serve", "--port", str(self.port), "--database", self.url, *files]
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        self.pid = int(self._said())

    def _said(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self, with_signal: signal.Signals) -> int:
        """End the server; what it ended with: a signal, or its exit code times 256."""
        os.kill(self.pid, with_signal)
        return int(self._said())

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.end(signal.SIGKILL)

    def close(self) -> None:
        """End what it is forked from."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Writing(threading.Thread):
    """Makes groups, puts bob into them and deletes every third, and keeps what was acknowledged, until cut off."""

    def __init__(self, running: Live, name: str) -> None:
        super().__init__()
        self._running = running
        self._name = name
        self.made: list[str] = []
        self.joined: list[str] = []
        self.deleted: list[str] = []
        self.attempted: str = ""
        self.start()

    def run(self) -> None:
        try:
            with self._running.client("alice") as client:
                for number in range(100_000):
                    slug = self.attempted = f"{self._name}-{number}"
                    assert client.post("/1.0/groups/acme", data={"name": slug}).status_code == 200
                    self.made.append(slug)
                    assert client.put(f"/1.0/groups/acme/{slug}/members/bob").status_code == 200
                    self.joined.append(slug)
                    if number % 3 == 0:
                        assert client.delete(f"/1.0/groups/acme/{slug}").status_code == 204
                        self.deleted.append(slug)
        except httpx.TransportError:
            return


def after(running: Live) -> tuple[set[str], set[str], dict[str, set[str]]]:
    """The groups, those with bob in them, and the subjects of the journal's entries by event."""
    groups = {slug for (slug,) in running.rows("SELECT slug FROM groups")}
    with_bob = {
        slug
        for (slug,) in running.rows(
            "SELECT slug FROM groups JOIN memberships ON memberships.group_id = groups.id"
            " JOIN accounts ON accounts.id = memberships.person_id WHERE accounts.username = 'bob'"
        )
    }
    told: dict[str, set[str]] = {"group.added": set(), "member.added": set(), "group.deleted": set()}
    for event, subject in running.rows("SELECT event, subject FROM journal WHERE request_id <> 'test'"):
        told[event].add(subject)
    return groups, with_bob, told


@pytest.fixture
def forked(cast_template: Path, tmp_path: Path) -> Iterator[Forked]:
    """A server with the cast on stage, that starts at once."""
    cast.copy(cast_template, tmp_path).close()
    running = Forked(tmp_path)
    yield running
    running.close()


@pytest.mark.parametrize("part", range(min(PARTS, sizes.KILLS)))
def test_after_a_crash_all_that_was_acknowledged_is_there_and_nothing_by_halves(forked: Forked, part: int) -> None:
    chance = random.Random(part)
    running = forked
    before = {slug for (slug,) in running.rows("SELECT slug FROM groups")}
    writers: list[Writing] = []

    for cycle in range(max(sizes.KILLS // PARTS, 1)):
        if cycle:
            running.start()
        writers += [Writing(running, f"c{cycle}w{writer}") for writer in range(3)]
        while not any(writer.made for writer in writers[-3:]):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.2))
        running.kill()
        for writer in writers:
            writer.join()

        # What is on disk, read as the next start will: recovering the write-ahead log.
        assert running.rows("PRAGMA quick_check") == [("ok",)]
        groups, with_bob, told = after(running)
        made, joined, deleted = (
            {slug for writer in writers for slug in getattr(writer, kept)} for kept in ("made", "joined", "deleted")
        )
        doubtful = {writer.attempted for writer in writers}
        assert (made - deleted) - groups <= doubtful
        assert not (deleted & groups)
        assert (joined - deleted) - with_bob <= doubtful
        assert groups - before <= made | doubtful
        # Each change is there with its entry, or neither is.
        assert told["group.added"] - told["group.deleted"] == groups - before
        assert (told["member.added"] & groups) | {"designers", "developers"} == with_bob

    verified = running.run("journal", "--verify")
    assert (verified.returncode, "WRONG" in verified.stdout, verified.stderr) == (0, False, "")
    running.start()
    assert running("alice", "GET", "/readyz").status_code == 200
    assert running.end(signal.SIGTERM) == 0
