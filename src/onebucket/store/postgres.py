"""The database on PostgreSQL 15 or newer: a connection for each thread that reads, one for all that write.

As on SQLite one transaction writes at a time, whichever process it is in (docs/decisions/0005).
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.types.string import TextLoader

from onebucket.store import libpq
from onebucket.store.database import (
    BUSY_SECONDS,
    Database,
    Interrupted,
    Row,
    Statement,
    Transaction,
    Unavailable,
    Unusable,
)
from onebucket.store.readers import Readers

OLDEST = 15

_Connection = psycopg.Connection[Row]

_SETTINGS = f"""
SET lock_timeout = '{BUSY_SECONDS}s';
SET TimeZone = 'UTC';
SET jit = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# To lock a table takes no snapshot, as an advisory lock would: what is seen is what was committed when it was had.
_WRITE = "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE site IN SHARE ROW EXCLUSIVE MODE"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# So many rows are fetched at once where there may be more than memory holds.
_AT_ONCE = 500
_VERSION = "SELECT pg_current_snapshot()::text || ' ' || pg_postmaster_start_time()::text"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


class PostgresTransaction(Transaction):
    """A transaction under way on one connection."""

    __slots__ = ("_changed", "_cursors", "_execute", "connection")

    def __init__(self, connection: _Connection) -> None:
        super().__init__()
        self.connection = connection
        self._changed = 0
        self._cursors = 0
        self._execute = connection.execute

    def changed(self) -> int:
        """A number that grows with every row that is changed, or will be at the end."""
        return self._changed + self._left

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows that `statement` finds."""
        return self._execute(_bound(statement, values), values).fetchall()

    def each(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """The rows that `statement` finds, one after the other: there may be more than memory holds."""
        # A cursor is closed with its transaction, however far it was read; others may be read meanwhile.
        self._cursors += 1
        name = f"each_{self._cursors}"
        sql = f"DECLARE {name} NO SCROLL CURSOR FOR {_bound(statement, values)}"
        self._execute(sql, values, prepare=False)
        while rows := self._execute(f"FETCH {_AT_ONCE} FROM {name}", prepare=False).fetchall():
            yield from rows
            if len(rows) < _AT_ONCE:
                return

    def row(self, statement: Statement, **values: Any) -> Row | None:
        """The first row that `statement` finds, or None."""
        return self._execute(_bound(statement, values), values).fetchone()

    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; the number of rows it changed."""
        changed = self._execute(_bound(statement, values), values).rowcount
        self._changed += changed
        self._overturn(statement)
        return changed

    def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a change once for each of `rows`."""
        if rows:
            constants: dict[str, Any] = {}
            sql = statement.text(constants, "postgresql")
            cursor = self.connection.cursor()
            cursor.executemany(sql, [row | constants for row in rows])
            self._changed += cursor.rowcount
            self._overturn(statement)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is done inside, and only that, when it raises."""
        at_end = dict(self._at_end)
        self._execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self._found.clear()
            self._at_end = at_end
            if not self.connection.closed:
                self._execute("ROLLBACK TO attempt; RELEASE attempt")
            raise
        self._execute("RELEASE attempt")

    def stands(self) -> bool:
        """Whether what was done so far can still be committed."""
        return bool(self.connection.pgconn.transaction_status == pq.TransactionStatus.INTRANS)

    def survives(self, error: Exception) -> bool:
        """Whether what was done before that error, outside its savepoint, can still be committed."""
        return self.stands() and not libpq.code(error).startswith((*libpq.CROSSED, *libpq.PASSING))


class PostgresDatabase(Database):
    """One database of a PostgreSQL server; a change is acknowledged when the server has it on disk."""

    engine = "postgresql+psycopg://"
    # The number is nobody's but ours: the first letters of the name.
    begin_steps = ("BEGIN", f"SELECT pg_advisory_xact_lock({int.from_bytes(b'onebucke')})")

    def __init__(self, conninfo: dict[str, Any], url: str) -> None:
        self.name = libpq.without_password(conninfo)
        self.url = url
        self.readers = self._readers = Readers()
        self._conninfo = make_conninfo("", **conninfo)
        self._of_thread = threading.local()
        self._opened: list[_Connection] = []
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._writer: _Connection | None = None

    def connect(self) -> _Connection:
        """Open another connection, set up as all of ours are. Raises Unusable, Unavailable."""
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=1)
            connection.execute(_SETTINGS)
        except psycopg.OperationalError as error:
            self._readers.failures += 1
            kind = Unusable if libpq.code(error)[:2] in libpq.NOT_LET_IN else Unavailable
            raise kind(f"can't reach the database {self.name}: {libpq.sentence(error)}") from None
        connection.prepared_max = 1000
        connection.adapters.register_loader("uuid", TextLoader)
        with self._opening:
            self._opened = [each for each in self._opened if not each.closed] + [connection]

        if connection.info.server_version < OLDEST * 10_000:
            raise Unusable(f"{self.name} is PostgreSQL {connection.info.server_version // 10_000}: {OLDEST} is needed")
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise Unusable(f"{self.name} is not in UTF8: make one with createdb -T template0 -E UTF8")
        return connection

    def _reader(self) -> _Connection:
        connection: _Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None or connection.closed:
            connection = self._of_thread.connection = self.connect()
        return connection

    def _writer_now(self) -> _Connection:
        if self._writer is None or self._writer.closed:
            self._writer = self.connect()
        return self._writer

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        """A transaction that sees one state of the database, and changes nothing. Raises Unavailable, Unusable."""
        connection, _ = _first(self._reader, _READ)
        try:
            yield PostgresTransaction(connection)
        except psycopg.Error as error:
            raise libpq.trouble(error, lost=connection.closed) from error
        finally:
            _roll_back(connection)

    def version(self) -> str:
        """The snapshot that a transaction would have now: what it names as finished is what can be seen, and no more.

        Equal snapshots of one run of the server show the same; that is the server's own rule of who sees what.
        """
        _, found = _first(self._reader, _VERSION)
        row = found.fetchone()
        assert row is not None
        return str(row[0])

    @contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        """A transaction that changes things: on disk when it ends, undone when it raises.

        There is one at a time, whichever process it is in. Raises Unavailable, Unusable.
        """
        with self._writing:
            connection, _ = _first(self._writer_now, _WRITE)
            try:
                tx = PostgresTransaction(connection)
                yield tx
                tx.end()
                _commit(connection)
            except psycopg.Error as error:
                raise libpq.trouble(error, lost=connection.closed) from error
            finally:
                _roll_back(connection)

    def tables(self) -> set[str]:
        """The names of the tables there are."""
        with self.reading() as tx:
            return {row[0] for row in tx.connection.execute(_TABLES)}

    def check(self) -> str:
        """What is broken; empty when nothing is."""
        with self.reading() as tx:
            return "; ".join(row[0] for row in tx.connection.execute(libpq.BROKEN))

    def about(self) -> str:
        """Which PostgreSQL it is, and how many are connected."""
        with self.reading() as tx:
            version, connected = tx.connection.execute(libpq.ABOUT).fetchone()
        return f", on PostgreSQL {version}, with {connected}"

    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Raises Unusable: PostgreSQL has tools for this."""
        raise Unusable(f"{self.name} is PostgreSQL: take a backup with pg_dump")

    def restore_from(self, source: Database, progress: Callable[[int, int], None]) -> None:
        """Raises Unusable: PostgreSQL has tools for this."""
        raise Unusable(f"{self.name} is PostgreSQL: restore a backup with pg_restore")

    def close(self) -> None:
        """Close every connection."""
        self._readers.shutdown(cancel_futures=True)
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._writer = None
        self._of_thread = threading.local()
        self.readers = self._readers = Readers()


def _bound(statement: Statement, values: dict[str, Any]) -> str:
    """The text of a statement; what can't be in this database is NULL in `values`, which equals nothing that is."""
    text = statement.text(values, "postgresql")
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            values[name] = None
    for name in statement.ids("postgresql"):
        if values[name] is not None and not _ID.fullmatch(values[name]):
            values[name] = None
    return text


def at(url: str) -> PostgresDatabase:
    """The database that a URL of libpq's names; nothing is asked of it yet. Raises Unusable."""
    return PostgresDatabase(libpq.address(url), url)


def _first(connection: Callable[[], _Connection], statement: str) -> tuple[_Connection, psycopg.Cursor[Row]]:
    """Begin on a connection; on another one when it turns out to have been lost since it was used last."""
    for attempt in (1, 2):
        found = connection()
        try:
            return found, found.execute(statement)
        except psycopg.Error as error:
            lost = found.closed
            _roll_back(found)
            if not lost or attempt == 2:
                raise libpq.trouble(error, lost=found.closed) from error
    raise AssertionError


def _commit(connection: _Connection) -> None:
    if connection.pgconn.transaction_status != pq.TransactionStatus.INTRANS:
        raise Interrupted("the transaction was undone by the database")
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise Unavailable("the database was lost during a commit: the change may be done") from error
        raise


def _roll_back(connection: _Connection) -> None:
    if not connection.closed and connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
