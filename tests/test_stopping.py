"""How a server ends: SIGTERM finishes what is under way, and what SIGKILL interrupts is whole or not there at all."""

import os
import random
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

import live
from live import Live, basic

KILLS = int(os.environ.get("ONEBUCKET_KILLS", "10"))

# The server with less patience at its end.
IMPATIENT = (
    sys.executable,
    "-P",
    "-c",
    "from onebucket.http import server; server.GRACE_SECONDS = 0.5; from onebucket.cli import main; main()",
)


@contextmanager
def held_up(running: Live) -> Iterator[None]:
    """Somebody else writes to the database meanwhile, so that no change can be made."""
    with closing(sqlite3.connect(running.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")


class Asking(threading.Thread):
    """A request of alice's, made beside the test; `answer` is what came of it."""

    def __init__(self, running: Live, method: str, path: str, **how: object) -> None:
        super().__init__()
        self.answer: httpx.Response | httpx.HTTPError | None = None
        self._asked = (running, method, path, how)
        self.start()

    def run(self) -> None:
        running, method, path, how = self._asked
        try:
            self.answer = running("alice", method, path, **how)
        except httpx.HTTPError as error:
            self.answer = error

    def status(self) -> int:
        self.join(20)
        assert isinstance(self.answer, httpx.Response), self.answer
        return self.answer.status_code


def half_a_request(running: Live) -> socket.socket:
    """A connection on which a request has begun whose body is not all there yet."""
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=20)
    authorization = f"Authorization: {basic('alice')['Authorization']}"
    heads = ["POST /1.0/groups/acme HTTP/1.1", "Host: x", "Content-Length: 9", authorization]
    connection.sendall("\r\n".join([*heads, "", "name"]).encode())
    time.sleep(0.1)
    return connection


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_change_under_way_is_finished_first(cast_template: Path, tmp_path: Path, told: signal.Signals) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        with held_up(running):
            changes = [Asking(running, "POST", "/1.0/groups/acme", data={"name": f"Late {n}"}) for n in range(5)]
            time.sleep(0.3)
            running.process.send_signal(told)
            time.sleep(0.3)
            with pytest.raises(httpx.ConnectError):
                running(None, "GET", "/healthz")
            assert running.process.poll() is None

        assert [change.status() for change in changes] == [200] * 5
        assert running.stop() == 0
        assert running.rows("SELECT count(*) FROM groups WHERE slug LIKE 'late-%'") == [(5,)]
        assert not running.database.with_name("onebucket.db-wal").exists()


def test_a_request_that_is_still_coming_in_is_answered(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running, half_a_request(running) as connection:
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(b"=Late")

        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        assert running.stop() == 0


def test_connections_that_idle_do_not_hold_it_up(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running, running.client("alice") as client:
        client.get("/1.0/groups/acme")

        before = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - before < 2


def test_whoever_stalls_is_cut_off_in_the_end(cast_template: Path, tmp_path: Path) -> None:
    with (
        live.with_the_cast(cast_template, tmp_path, wrapped=IMPATIENT) as running,
        half_a_request(running),
        held_up(running),
    ):
        change = Asking(running, "POST", "/1.0/groups/acme", data={"name": "Too Late"})
        time.sleep(0.2)
        running.process.send_signal(signal.SIGTERM)

        # Nobody is told of success any more, so nothing is done when the database is free again.
        assert change.status() == 500

    assert running.process.returncode == 0
    assert running.log() == ""
    assert running.rows("SELECT count(*) FROM groups WHERE slug LIKE 'too%'") == [(0,)]


def test_a_second_signal_stops_it_at_once(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running, half_a_request(running):
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.2)

        before = time.monotonic()
        assert running.stop(signal.SIGINT) == 0
        assert time.monotonic() - before < 2


# -- SIGKILL under load -----------------------------------------------------------------------------


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


def test_after_a_crash_all_that_was_acknowledged_is_there_and_nothing_by_halves(
    cast_template: Path, tmp_path: Path
) -> None:
    chance = random.Random(KILLS)
    running = live.with_the_cast(cast_template, tmp_path)
    before = {slug for (slug,) in running.rows("SELECT slug FROM groups")}
    writers: list[Writing] = []

    for cycle in range(KILLS):
        if cycle:
            running.start()
        writers += [Writing(running, f"c{cycle}w{writer}") for writer in range(3)]
        while not any(writer.made for writer in writers[-3:]):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.25))
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

    numbers = running.rows(
        "SELECT number FROM journal JOIN accounts ON accounts.id = account_id WHERE username = 'acme'"
    )
    assert sorted(number for (number,) in numbers) == list(range(1, len(numbers) + 1))
    running.start()
    assert running("alice", "GET", "/readyz").status_code == 200
    assert running.stop() == 0
