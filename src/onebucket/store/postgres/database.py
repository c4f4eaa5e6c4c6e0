"""The database on PostgreSQL 15 or newer: a connection for each reading thread, and one for all writes.

As on SQLite, one transaction writes at a time over all processes (docs/decisions/0005-postgresql-transactions.md).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.string import TextLoader

from onebucket import bounds
from onebucket.store.engine import write_turn
from onebucket.store.engine.database import Database
from onebucket.store.engine.ends import NEXT_END, Ends, KnownEnd
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.read_pool import ReadPool
from onebucket.store.engine.replication import ReplicationStatus
from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.write_turn import Patience
from onebucket.store.postgres import connection as libpq
from onebucket.store.postgres import integrity_check, version_query, wal_position
from onebucket.store.postgres.transaction import Connection, PostgresTransaction
from onebucket.store.postgres.version_query import PostgresVersionQuery

OLDEST = 15

_SETTINGS = """
SET TimeZone = 'UTC';
SET jit = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# LOCK TABLE takes no snapshot, unlike SELECT pg_advisory_lock(): the snapshot is taken after the lock was acquired.
_WRITE = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "SET LOCAL lock_timeout = {}",
    "LOCK TABLE site IN SHARE ROW EXCLUSIVE MODE",
)
# Another process may have given an end since the database was asked: a read or a change asks again after this time, if
# no version query has asked meanwhile.
_NEXT_END_SECONDS = 0.25
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


class PostgresDatabase(Database):
    """One database of a PostgreSQL server; a change is acknowledged when the server has it on disk."""

    engine = "postgresql+psycopg://"
    read_pool: ReadPool
    # The first letters of our name, as the number of the advisory lock.
    begin_migration = ("BEGIN", f"SELECT pg_advisory_xact_lock({int.from_bytes(b'onebucke')})")

    def __init__(self, conninfo: dict[str, Any], url: str) -> None:
        self.name = libpq.without_password(conninfo)
        self.url = url
        self.read_pool = self.aside = self._readers = ReadPool()
        self._conninfo = make_conninfo("", **conninfo)
        self._of_thread = threading.local()
        self._opened: list[Connection] = []
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        self._known_end = KnownEnd(lambda: 0.0)

    def connect(self) -> Connection:
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=bounds.PREPARED_AFTER)
            connection.execute(f"SET lock_timeout = {round(bounds.BUSY_SECONDS * 1000)}; {_SETTINGS}")
        except psycopg.OperationalError as error:
            self._readers.failures += 1
            kind = DatabaseUnusable if libpq.code(error)[:2] in libpq.NOT_LET_IN else DatabaseUnavailable
            raise kind(f"can't reach the database {self.name}: {libpq.sentence(error)}") from None
        connection.prepared_max = bounds.PREPARED_STATEMENTS
        connection.adapters.register_loader("uuid", TextLoader)
        with self._opening:
            self._opened = [opened for opened in self._opened if not opened.closed] + [connection]

        if connection.info.server_version < OLDEST * 10_000:
            raise DatabaseUnusable(
                f"{self.name} is PostgreSQL {connection.info.server_version // 10_000}: {OLDEST} is needed"
            )
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise DatabaseUnusable(f"{self.name} is not in UTF8: create it with createdb -T template0 -E UTF8")
        return connection

    def use_ends(self, ends: Ends) -> None:
        super().use_ends(ends)
        self._known_end = KnownEnd(ends.now)

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None or connection.closed:
            connection = self._of_thread.connection = self.connect()
        return connection

    def _open_writer(self) -> Connection:
        if self._writer is None or self._writer.closed:
            self._writer = self.connect()
        return self._writer

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        next_end = self._end_due_before_read()
        tx = PostgresTransaction(self._reader(), begin=(_READ,), reopen=self._reader)
        tx.next_end = next_end
        try:
            yield tx
        except psycopg.Error as error:
            raise libpq.to_exception(error, lost=tx.is_lost) from error
        finally:
            tx.roll_back()

    def query_version(self) -> PostgresVersionQuery:
        """Open a connection that queries the version without blocking. Raises DatabaseUnavailable, DatabaseUnusable."""
        return PostgresVersionQuery(self.connect(), self._known_end)

    def _end_due_before_read(self) -> int | None:
        """Apply the ends that are due, and return the next one. Raises DatabaseUnavailable, DatabaseUnusable."""
        if self.ends is None:
            return None
        if self._known_end.age() > _NEXT_END_SECONDS:
            asked_at = self.ends.now()
            (next_end,) = _query(self._reader, NEXT_END)
            self._known_end.learn(next_end, asked_at=asked_at)
        if self.ends.are_due(self._known_end.value):
            with self.writing():
                pass
        return self._known_end.value

    @contextmanager
    def reading_for_stream(self) -> Iterator[PostgresTransaction]:
        next_end = self._end_due_before_read()
        connection, _ = _execute_first(self.connect, _READ)
        try:
            tx = PostgresTransaction(connection, ReadMode.STREAMED)
            tx.next_end = next_end
            yield tx
        except psycopg.Error as error:
            raise libpq.to_exception(error, lost=connection.closed) from error
        finally:
            connection.close()

    def version(self) -> str:
        """Return the snapshot that a transaction would have now.

        Within one run of the server, equal snapshots show the same: PostgreSQL decides by them which rows are visible.
        """
        return str(_query(self._reader, version_query.VERSION)[0])

    def replication_status(self) -> ReplicationStatus:
        """Return the server's position, as a primary or a standby. Raises DatabaseUnavailable, DatabaseUnusable."""
        try:
            return wal_position.replication_status(_query(self._reader, wal_position.STANDING))
        except psycopg.Error as error:
            raise DatabaseUnavailable(
                f"{self.name} doesn't tell its replication position: {libpq.sentence(error)}"
            ) from error

    @contextmanager
    def writing(self, patience: Patience | None = None) -> Iterator[PostgresTransaction]:
        with write_turn.turn(self._writing, patience) as left:
            begin = [command.format(left()) for command in _WRITE]
            tx = PostgresTransaction(self._open_writer(), begin=begin, reopen=self._open_writer)
            try:
                asked_at = self._end_due_before_change(tx)
                yield tx
                tx.run_deferred()
                tx.commit()
                if asked_at is not None:
                    self._known_end.learn(tx.next_end, asked_at=asked_at)
                self._known_end.note(tx.next_end)
            except psycopg.Error as error:
                raise libpq.to_exception(error, lost=tx.is_lost) from error
            finally:
                tx.roll_back()

    def _end_due_before_change(self, tx: PostgresTransaction) -> float | None:
        """Apply the ends that are due; return the monotonic second at which the database was asked, if it was."""
        if self.ends is None:
            return None
        tx.next_end = self._known_end.value
        if self._known_end.age() <= _NEXT_END_SECONDS and not self.ends.are_due(tx.next_end):
            return None
        asked_at = self.ends.now()
        tx.ask_for_next_end()
        self.apply_due_ends(tx)
        return asked_at

    def tables(self) -> set[str]:
        with self.reading() as tx:
            return {name for (name,) in tx.connection.execute(_TABLES)}

    def check(self) -> str:
        with self.reading() as tx:
            return "; ".join(fault for (fault,) in tx.connection.execute(integrity_check.BROKEN))

    def version_note(self) -> str:
        """Return PostgreSQL's version and the number of connections."""
        with self.reading() as tx:
            row = tx.connection.execute(integrity_check.ABOUT).fetchone()
        assert row is not None
        version, connected = row
        return f", on PostgreSQL {version}, with {connected}"

    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Raise DatabaseUnusable: PostgreSQL has its own tools for backups."""
        raise DatabaseUnusable(f"{self.name} is PostgreSQL: take a backup with pg_dump")

    def restore_from(self, source: Database, progress: Callable[[int, int], None]) -> None:
        """Raise DatabaseUnusable: PostgreSQL has its own tools for backups."""
        raise DatabaseUnusable(f"{self.name} is PostgreSQL: restore a backup with pg_restore")

    def close(self) -> None:
        """Close every connection, those of the replicas too."""
        self._readers.shutdown(cancel_futures=True)
        for replica in self.replicas:
            replica.close()
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._writer = None
        self._of_thread = threading.local()
        self.read_pool = self.aside = self._readers = ReadPool()


def connect(url: str) -> PostgresDatabase:
    """Return the database of a libpq URL; it isn't connected to yet. Raises DatabaseUnusable."""
    return PostgresDatabase(libpq.address(url), url)


def _execute_first(connection: Callable[[], Connection], statement: str) -> tuple[Connection, psycopg.Cursor[Row]]:
    """Run a connection's first statement; reconnect once if the connection has been lost since its last use."""
    for attempt in (1, 2):
        opened = connection()
        try:
            return opened, opened.execute(statement)
        except psycopg.Error as error:
            lost = opened.closed
            libpq.roll_back(opened)
            if not lost or attempt == 2:
                raise libpq.to_exception(error, lost=opened.closed) from error
    raise AssertionError


def _query(connection: Callable[[], Connection], query: str) -> Row:
    """Run a query outside of any transaction; return its one row."""
    _, cursor = _execute_first(connection, query)
    row = cursor.fetchone()
    assert row is not None
    return row
