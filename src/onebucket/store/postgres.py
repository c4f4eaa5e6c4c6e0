"""The database on PostgreSQL 15 or newer: a connection for each thread that reads, one for all that write.

As on SQLite one transaction writes at a time, whichever process it is in (docs/decisions/0005).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.types.string import TextLoader

from onebucket import bounds
from onebucket.store import examining, inquiry, libpq, positions, turns
from onebucket.store.database import Database, Interrupted, Unavailable, Unusable
from onebucket.store.inquiry import Inquiry
from onebucket.store.pgtransaction import Connection, PostgresTransaction
from onebucket.store.positions import Standing
from onebucket.store.readers import Readers
from onebucket.store.spans import Span
from onebucket.store.statement import Row
from onebucket.store.turns import Patience

OLDEST = 15

_SETTINGS = """
SET TimeZone = 'UTC';
SET jit = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# To lock a table takes no snapshot, as an advisory lock would: what is seen is what was committed when it was had.
_WRITE = """
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL lock_timeout = {};
LOCK TABLE site IN SHARE ROW EXCLUSIVE MODE
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


class PostgresDatabase(Database):
    """One database of a PostgreSQL server; a change is acknowledged when the server has it on disk."""

    engine = "postgresql+psycopg://"
    readers: Readers
    # The number is nobody's but ours: the first letters of the name.
    begin_steps = ("BEGIN", f"SELECT pg_advisory_xact_lock({int.from_bytes(b'onebucke')})")

    def __init__(self, conninfo: dict[str, Any], url: str) -> None:
        self.name = libpq.without_password(conninfo)
        self.url = url
        self.readers = self.aside = self._readers = Readers()
        self._conninfo = make_conninfo("", **conninfo)
        self._of_thread = threading.local()
        self._opened: list[Connection] = []
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._writer: Connection | None = None

    def connect(self) -> Connection:
        """Open another connection, set up as all of ours are. Raises Unusable, Unavailable."""
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=bounds.PREPARED_AFTER)
            connection.execute(f"SET lock_timeout = {round(bounds.BUSY_SECONDS * 1000)}; {_SETTINGS}")
        except psycopg.OperationalError as error:
            self._readers.failures += 1
            kind = Unusable if libpq.code(error)[:2] in libpq.NOT_LET_IN else Unavailable
            raise kind(f"can't reach the database {self.name}: {libpq.sentence(error)}") from None
        connection.prepared_max = bounds.PREPARED_STATEMENTS
        connection.adapters.register_loader("uuid", TextLoader)
        with self._opening:
            self._opened = [each for each in self._opened if not each.closed] + [connection]

        if connection.info.server_version < OLDEST * 10_000:
            raise Unusable(f"{self.name} is PostgreSQL {connection.info.server_version // 10_000}: {OLDEST} is needed")
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise Unusable(f"{self.name} is not in UTF8: make one with createdb -T template0 -E UTF8")
        return connection

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None or connection.closed:
            connection = self._of_thread.connection = self.connect()
        return connection

    def _writer_now(self) -> Connection:
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

    def inquire(self) -> Inquiry:
        """Begin to ask for the version over a connection of its own. Raises Unavailable, Unusable."""
        return Inquiry(self.connect())

    @contextmanager
    def lasting(self) -> Iterator[PostgresTransaction]:
        """The same on a connection of its own, for as long as it takes to send what is read, in whichever threads.

        Raises Unavailable, Unusable.
        """
        connection, _ = _first(self.connect, _READ)
        try:
            yield PostgresTransaction(connection, Span.LASTING)
        except psycopg.Error as error:
            raise libpq.trouble(error, lost=connection.closed) from error
        finally:
            connection.close()

    def version(self) -> str:
        """The snapshot that a transaction would have now: what it names as finished is what can be seen, and no more.

        Equal snapshots of one run of the server show the same; that is the server's own rule of who sees what.
        """
        return str(_asked(self._reader, inquiry.VERSION)[0])

    def standing(self) -> Standing:
        """Where it stands, as a primary or as a standby. Raises Unavailable, Unusable."""
        try:
            return positions.standing(_asked(self._reader, positions.STANDING))
        except psycopg.Error as error:
            raise Unavailable(f"{self.name} doesn't say where it stands: {libpq.sentence(error)}") from error

    @contextmanager
    def writing(self, patience: Patience | None = None) -> Iterator[PostgresTransaction]:
        """A transaction that changes things: on disk when it ends, undone when it raises.

        There is one at a time, whichever process it is in; it waits for another one to end while there is
        patience. Raises Unavailable, Unusable.
        """
        with turns.turn(self._writing, patience) as left:
            connection, _ = _first(self._writer_now, _WRITE.format(left()))
            tx = PostgresTransaction(connection)
            try:
                yield tx
                tx.end()
                _commit(connection)
            except psycopg.Error as error:
                raise libpq.trouble(error, lost=connection.closed) from error
            finally:
                _roll_back(connection)
            # It is done, whatever comes of asking where.
            with suppress(psycopg.Error, Unavailable, Unusable):
                tx.position = positions.of_row(_asked(self._writer_now, positions.POSITION))

    def tables(self) -> set[str]:
        """The names of the tables there are."""
        with self.reading() as tx:
            return {row[0] for row in tx.connection.execute(_TABLES)}

    def check(self) -> str:
        """What is broken; empty when nothing is."""
        with self.reading() as tx:
            return "; ".join(row[0] for row in tx.connection.execute(examining.BROKEN))

    def about(self) -> str:
        """Which PostgreSQL it is, and how many are connected."""
        with self.reading() as tx:
            version, connected = tx.connection.execute(examining.ABOUT).fetchone()
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
        for replica in self.replicas:
            replica.close()
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._writer = None
        self._of_thread = threading.local()
        self.readers = self.aside = self._readers = Readers()


def at(url: str) -> PostgresDatabase:
    """The database that a URL of libpq's names; nothing is asked of it yet. Raises Unusable."""
    return PostgresDatabase(libpq.address(url), url)


def _first(connection: Callable[[], Connection], statement: str) -> tuple[Connection, psycopg.Cursor[Row]]:
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


def _asked(connection: Callable[[], Connection], question: str) -> Row:
    """The one row that answers a question outside of any transaction."""
    _, found = _first(connection, question)
    row = found.fetchone()
    assert row is not None
    return row


def _commit(connection: Connection) -> None:
    if connection.pgconn.transaction_status != pq.TransactionStatus.INTRANS:
        raise Interrupted("the transaction was undone by the database")
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise Unavailable("the database was lost during a commit: the change may be done") from error
        raise


def _roll_back(connection: Connection) -> None:
    if not connection.closed and connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
