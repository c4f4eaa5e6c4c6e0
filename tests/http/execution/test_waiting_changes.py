"""Changes that wait for somebody else's transaction: each caller waits once, however many wait with them."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

import cast
from live import Live, basic
from onebucket import bounds
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.store import site_values
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.store.engine.transaction import Transaction
from pg import Postgres
from tests.http.process.test_shutdown import asking, let_it_arrive, status

WAITING = 12


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path) -> str:
    """A database with the cast on stage, on either kind."""
    if request.param == "SQLite":
        cast.copy(cast_template, tmp_path).close()
        return f"sqlite:///{tmp_path / 'onebucket.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.url(postgres.create(request.getfixturevalue("cast_on_postgres")))


@pytest.fixture
def opened(url: str) -> Iterator[Database]:
    """The same, opened."""
    kept = connect(url)
    yield kept
    kept.close()


@contextmanager
def held(url: str) -> Iterator[None]:
    """Somebody else changes the database meanwhile."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
    else:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE site IN SHARE ROW EXCLUSIVE MODE")
            yield
            other.rollback()


@pytest.mark.subprocess
def test_all_that_wait_together_are_refused_together(
    opened: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "CHANGE_SECONDS", 1.0)
    writer = WriteQueue(opened)

    async def ask() -> list[BaseException | None]:
        asked = [writer.submit(lambda tx: site_values.set_value(tx, "a", "b")) for _ in range(WAITING)]
        return await asyncio.gather(*asked, return_exceptions=True)

    before = time.monotonic()
    with held(url):
        came = asyncio.run(ask())
    taken = time.monotonic() - before
    writer.stop()

    assert {type(each) for each in came} == {DatabaseUnavailable}
    assert taken < WAITING / 3


@pytest.mark.subprocess
def test_whoever_has_waited_long_behind_others_is_served_all_the_same(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "CHANGE_SECONDS", 0.1)
    writer = WriteQueue(opened)

    async def ask() -> list[BaseException | None]:
        slow = writer.submit(lambda tx: time.sleep(0.5))
        asked = [writer.submit(lambda tx: site_values.set_value(tx, "a", "b")) for _ in range(WAITING)]
        return await asyncio.gather(slow, *asked, return_exceptions=True)

    came = asyncio.run(ask())
    writer.stop()

    assert came == [None] * (WAITING + 1)


@pytest.mark.subprocess
def test_cancelled_changes_leave_the_queue(opened: Database, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CHANGE_SECONDS", 1.0)
    writer, done = WriteQueue(opened), threading.Event()

    def change(tx: Transaction) -> None:
        site_values.set_value(tx, "a", "b")
        done.set()

    async def ask() -> None:
        asked = [asyncio.ensure_future(writer.submit(change)) for _ in range(WAITING)]
        await asyncio.sleep(0.1)
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    before = time.monotonic()
    with held(url):
        asyncio.run(ask())
        writer.stop()
    taken = time.monotonic() - before

    assert taken < WAITING / 3
    assert not done.is_set()


@pytest.mark.subprocess
def test_a_server_stops_within_its_grace_though_changes_wait(url: str, tmp_path: Path) -> None:
    with Live(tmp_path, url=url) as running:
        with held(url):
            changes = [asking(running, "/1.0/groups/acme", f"name=Late+{number}") for number in range(4)]
            # Whoever asks something with an app password makes the server write down when; that waits too.
            assert running("alice", "GET", "/1.0/groups/acme", headers=basic("alice")).status_code == 200
            let_it_arrive(running)
            before = time.monotonic()
            assert running.stop() == 0
            taken = time.monotonic() - before

        assert [status(change) for change in changes] == [503] * 4
        assert taken < bounds.GRACE_SECONDS + bounds.LETTERS_BUSY_SECONDS + 1


def test_callers_hear_before_the_grace_is_over() -> None:
    assert bounds.CHANGE_SECONDS < bounds.GRACE_SECONDS < bounds.BUSY_SECONDS
    assert bounds.GRACE_SECONDS + bounds.LETTERS_BUSY_SECONDS + bounds.CLOSING_SECONDS < 10
