"""Counts what a server asks its database: statements, and on PostgreSQL the round trips that they take."""

import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Any, NamedTuple

from psycopg import pq
from psycopg.pq.abc import PGconn

from onebucket.store.engine.database import Database
from onebucket.store.engine.read_pool import ReadPool
from onebucket.store.postgres.database import PostgresDatabase

# They begin and end transactions, or set a connection up.
_SET_UP = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SET", "LOCK", "SAVEPOINT", "RELEASE", "DEALLOCATE")
_COMPLETED = re.compile(r'^B\t\d+\tCommandComplete\t "([A-Z]+)')


class Counted(NamedTuple):
    """Statements, without those that begin and end transactions, and round trips, which include those."""

    statements: int
    round_trips: int = 0


class StatementCounter:
    """Counts on every connection of one database, also on those that are opened later."""

    def __init__(self, db: Database) -> None:
        self._statements = 0
        self._traces: list[tuple[PGconn, IO[bytes]]] = []
        self._connect = db.connect
        self._db = db
        if isinstance(db, PostgresDatabase):
            # One thread, so that every request is read over the same connection, whose statements are prepared.
            db.read_pool = db.aside = db._readers = ReadPool(1)
            if db.ends is not None:
                # The next end isn't asked for again just because a quarter of a second has passed.
                db.use_ends(replace(db.ends, now=lambda: 0.0))
        opened: list[Any] = db._opened  # type: ignore[attr-defined]
        for connection in opened:
            self._watch(connection)
        db.connect = self._connect_and_watch  # type: ignore[method-assign]

    def _connect_and_watch(self) -> Any:
        connection = self._connect()
        self._watch(connection)
        return connection

    def _watch(self, connection: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(self._executed)
        else:
            self._traces.append((connection.pgconn, tempfile.TemporaryFile()))  # noqa: SIM115

    def _executed(self, statement: str) -> None:
        # Statements of triggers begin with a comment.
        self._statements += not statement.startswith((*_SET_UP, "--"))

    def count(self, ask: Callable[[], object]) -> Counted:
        """Return what `ask` takes; it must have been called before, so that all connections are open."""
        if not isinstance(self._db, PostgresDatabase):
            before = self._statements
            ask()
            return Counted(self._statements - before)

        traces = [(connection, file) for connection, file in self._traces if connection.status == pq.ConnStatus.OK]
        for connection, file in traces:
            file.seek(0)
            file.truncate()
            connection.trace(file.fileno())
            connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        try:
            ask()
        finally:
            for connection, _ in traces:
                # Only this writes the last lines into the file.
                connection.untrace()
        conversations = [_lines(file) for _, file in traces]
        completed = [found[1] for lines in conversations for line in lines if (found := _COMPLETED.match(line))]
        return Counted(sum(name not in _SET_UP for name in completed), sum(map(_waits, conversations)))

    def close(self) -> None:
        """Stop counting."""
        self._db.connect = self._connect  # type: ignore[method-assign]
        for _, file in self._traces:
            file.close()


def _lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    return file.read().decode(errors="replace").splitlines()


def _waits(lines: list[str]) -> int:
    """How often the client has waited until the server was ready: once for all that is sent in one pipeline.

    When parts of an answer arrive depends on chance, the end of it doesn't.
    """
    return sum("\tReadyForQuery\t" in line for line in lines)


@contextmanager
def counting(db: Database) -> Iterator[StatementCounter]:
    """Count on a database until the end of the block."""
    counter = StatementCounter(db)
    try:
        yield counter
    finally:
        counter.close()
