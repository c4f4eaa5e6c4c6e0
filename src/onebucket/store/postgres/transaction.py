"""A transaction under way on a connection to PostgreSQL."""

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
# So many rows are fetched at once where there may be more than memory holds.
_AT_ONCE = 500


class PostgresTransaction(Transaction):
    """A transaction under way on one connection."""

    __slots__ = ("_changed", "_cursors", "_execute", "connection", "position")

    def __init__(self, connection: Connection, span: ReadMode = ReadMode.BUFFERED) -> None:
        super().__init__(span)
        self.connection = connection
        self._changed = 0
        self.position: WalPosition | None = None
        self._cursors = 0
        self._execute = connection.execute

    def change_count(self) -> int:
        """A number that grows with every row that is changed, or will be at the end."""
        return self._changed + self._deferred_count

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows that `statement` finds."""
        return self._execute(self._sql(statement, values), values).fetchall()

    def stream(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """The rows that `statement` finds, one after the other: there may be more than memory holds."""
        # A cursor is closed with its transaction, however far it was read; others may be read meanwhile.
        self._cursors += 1
        name = f"each_{self._cursors}"
        sql = f"DECLARE {name} NO SCROLL CURSOR FOR {self._sql(statement, values)}"
        self._execute(sql, values, prepare=False)
        while rows := self._execute(f"FETCH {_AT_ONCE} FROM {name}", prepare=False).fetchall():
            yield from rows
            if len(rows) < _AT_ONCE:
                return

    def row(self, statement: Statement, **values: Any) -> Row | None:
        """The first row that `statement` finds, or None."""
        return self._execute(self._sql(statement, values), values).fetchone()

    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; the number of rows it changed."""
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
        """Give the text of a statement, and make `values` ready; an id that is none becomes NULL."""
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
        """Whether what was done so far can still be committed."""
        return bool(self.connection.pgconn.transaction_status == pq.TransactionStatus.INTRANS)

    def is_usable_after(self, error: Exception) -> bool:
        """Whether what was done before that error, outside its savepoint, can still be committed."""
        return self.is_usable() and not connection.code(error).startswith((*connection.CROSSED, *connection.PASSING))
