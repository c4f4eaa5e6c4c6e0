"""Whether anybody has committed is read from the memory that SQLite's connections share, and says what SQLite says."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from onebucket.store.connect import connect
from onebucket.store.sqlite import wal_index
from onebucket.store.sqlite.database import SqliteDatabase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


_DEEDS = (
    "INSERT INTO things VALUES (1)",
    "DELETE FROM things",
    "UPDATE things SET thing = thing + 1",
    "BEGIN IMMEDIATE; INSERT INTO things VALUES (2); ROLLBACK",
    "BEGIN IMMEDIATE; COMMIT",
    "SELECT * FROM things",
    "PRAGMA wal_checkpoint(PASSIVE)",
    "PRAGMA wal_checkpoint(RESTART)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "VACUUM",
    "CREATE TABLE others (other); DROP TABLE others",
)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_another_one_whenever_sqlite_says_so(path: Path, seed: int) -> None:
    choose = random.Random(seed)
    with closing(_connected(path)) as writer, closing(_connected(path)) as watcher:
        writer.execute("CREATE TABLE things (thing)")
        watcher.execute("SELECT * FROM things").fetchall()
        header = wal_index.header(path)
        assert header is not None
        changes = 0

        for _ in range(300):
            before, said = header.read(), watcher.execute("PRAGMA data_version").fetchone()
            writer.executescript(choose.choice(_DEEDS))
            after, says = header.read(), watcher.execute("PRAGMA data_version").fetchone()

            assert before is not None
            assert after is not None
            # To begin the log anew may look like a change: then one more question is asked, which harms nobody.
            assert after != before or says == said
            changes += says != said
    assert 50 < changes < 300


_COMMITS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO things VALUES (3)")
connection.commit()
"""


@pytest.mark.subprocess
def test_what_another_process_commits_is_seen_when_it_has(path: Path) -> None:
    db = SqliteDatabase(path)
    with db.writing() as tx:
        tx.connection.execute("CREATE TABLE things (thing)")
    versions = [db.version(), db.version(), db.version()]

    subprocess.run([sys.executable, "-c", _COMMITS, path], check=True)

    assert versions[1] == versions[2] != db.version()
    assert isinstance(versions[1], bytes)
    db.close()


@pytest.mark.subprocess
def test_with_the_setting_off_sqlite_is_asked_and_says_the_same(path: Path) -> None:
    db = connect(f"sqlite:///{path}", sqlite_wal_index=False)
    with db.writing() as tx:
        tx.connection.execute("CREATE TABLE things (thing)")
    versions = [db.version(), db.version(), db.version()]

    subprocess.run([sys.executable, "-c", _COMMITS, path], check=True)
    versions.append(db.version())
    with db.writing() as tx:
        tx.connection.execute("DELETE FROM things")
    versions += [db.version(), db.version()]

    assert {type(version) for version in versions} == {int}
    assert versions[0] == versions[1] == versions[2] != versions[3]
    assert versions[3] != versions[4] == versions[5]
    shared = path.with_name("some.db-shm").stat()
    assert (shared.st_dev, shared.st_ino) not in wal_index._opened
    db.close()


def test_without_the_file_or_with_one_of_another_form_sqlite_is_asked(path: Path) -> None:
    with closing(_connected(path)) as connection:
        connection.execute("CREATE TABLE things (thing)")
        elsewhere = path.with_name("other.db")
        shared = path.with_name("some.db-shm").read_bytes()
        elsewhere.with_name("other.db-shm").write_bytes((3007001).to_bytes(4, sys.byteorder) + shared[4:])

        assert wal_index.header(path) is not None
        assert wal_index.header(elsewhere) is None
        assert wal_index.header(path.with_name("none.db")) is None


def test_as_long_as_somebody_is_changing_it_there_is_none() -> None:
    copy = bytes(48)

    assert wal_index.WalIndexHeader(bytearray(copy + copy)).read() == copy + copy  # type: ignore[arg-type]
    assert wal_index.WalIndexHeader(bytearray(copy + b"x" + copy[1:])).read() is None  # type: ignore[arg-type]


@pytest.mark.subprocess
def test_sqlites_locks_outlive_whoever_looks(path: Path) -> None:
    """To close the file would let go of all locks that this process has on it, and another could write over them."""
    db = SqliteDatabase(path)
    with db.writing() as tx:
        tx.connection.execute("CREATE TABLE things (thing)")
    looking = [SqliteDatabase(path) for _ in range(3)]
    with db.writing():
        for each in looking:
            each.version()
            each.version()
            each.close()
        blocked = subprocess.run(
            [sys.executable, "-c", _COMMITS.replace("sys.argv[1]", "sys.argv[1], timeout=0"), path],
            capture_output=True, text=True,
        )  # fmt: skip

    assert "database is locked" in blocked.stderr
    db.close()


def test_files_that_have_been_removed_are_let_go(tmp_path: Path) -> None:
    for number in range(5):
        db = SqliteDatabase(tmp_path / f"{number}.db")
        db.version()
        assert isinstance(db.version(), bytes | int)
        db.close()
    open_now = len(wal_index._opened)

    for number in range(50):
        db = SqliteDatabase(tmp_path / f"more-{number}.db")
        db.version()
        db.close()

    assert len(wal_index._opened) <= open_now + 1
