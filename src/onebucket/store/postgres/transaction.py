"""A transaction on PostgreSQL."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import pq

from onebucket.store.engine.bounded_reads import ReadMode
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.postgres import connection
from onebucket.store.postgres.wal_position import WalPosition

Connection = psycopg.Connection[Row]

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Rows that a streaming query fetches at once.
_FETCH_SIZE = 500


class PostgresTransaction(Transaction):
    """An open transaction on one connection of psycopg."""

    __slots__ = ("_changed", "_cursors", "_execute", "connection", "position")

    def __init__(self, connection: Connection, read_mode: ReadMode = ReadMode.BUFFERED) -> None:
        super().__init__(read_mode)
        self.connection = connection
        self._changed = 0
        self.position: WalPosition | None = None
        self._cursors = 0
        self._execute = connection.execute

    def change_count(self) -> int:
        """Return a number that grows with every row that is changed, deferred changes included."""
        return self._changed + self._deferred_count

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """Return all rows that `statement` finds."""
        return self._execute(self._sql(statement, values), values).fetchall()

    def stream(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """Yield the rows that `statement` finds, with a cursor: they may not fit in memory."""
        # Several cursors may be open at once. The end of the transaction closes them, however far they were read.
        self._cursors += 1
        name = f"each_{self._cursors}"
        sql = f"DECLARE {name} NO SCROLL CURSOR FOR {self._sql(statement, values)}"
        self._execute(sql, values, prepare=False)
        while rows := self._execute(f"FETCH {_FETCH_SIZE} FROM {name}", prepare=False).fetchall():
            yield from rows
            if len(rows) < _FETCH_SIZE:
                return

    def row(self, statement: Statement, **values: Any) -> Row | None:
        """Return the first row that `statement` finds, or None."""
        return self._execute(self._sql(statement, values), values).fetchone()

    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; return the number of rows it changed."""
        changed = self._execute(self._sql(statement, values), values).rowcount
        self._changed += changed
        self._invalidate(statement)
        return changed

    def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a change once for each of `rows`."""
        if rows:
            bound = [dict(row) for row in rows]
            sql, *_ = [self._sql(statement, row) for row in bound]
            cursor = self.connection.cursor()
            cursor.executemany(sql, bound)
            self._changed += cursor.rowcount
            self._invalidate(statement)

    def _sql(self, statement: Statement, values: dict[str, Any]) -> str:
        """Return a statement's text and prepare `values`; a malformed id becomes NULL, which matches nothing."""
        if self.read_set is not None:
            self.read_set.add(statement.dependency, values)
        text = statement.text(values, "postgresql")
        for name in statement.ids("postgresql"):
            if values[name] is not None and not _ID.fullmatch(values[name]):
                values[name] = None
        return text

    def _undo(self) -> None:
        if not self.connection.closed:
            self._execute("ROLLBACK TO attempt; RELEASE attempt")

    def is_usable(self) -> bool:
        """Return True if what was done so far can still be committed."""
        return bool(self.connection.pgconn.transaction_status == pq.TransactionStatus.INTRANS)

    def is_usable_after(self, error: Exception) -> bool:
        """Return True if what was done before that error, outside its savepoint, can still be committed."""
        return self.is_usable() and not connection.code(error).startswith((*connection.CROSSED, *connection.PASSING))
