"""A transaction on PostgreSQL."""

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import psycopg
from psycopg import pq

from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.replication import WalPosition
from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.statement import AnyStatement, Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.postgres import connection

Connection = psycopg.Connection[Row]
_Found = TypeVar("_Found")

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Rows that a streaming query fetches at once.
_FETCH_SIZE = 500


class PostgresTransaction(Transaction):
    """An open transaction on one connection of psycopg."""

    __slots__ = ("_cursors", "_execute", "connection", "position")

    dialect = "postgresql"

    def __init__(self, connection: Connection, read_mode: ReadMode = ReadMode.BUFFERED) -> None:
        super().__init__(read_mode)
        self.connection = connection
        self.position: WalPosition | None = None
        self._cursors = 0
        self._execute = connection.execute

    def rows(self, statement: Statement[_Found], **values: Any) -> list[_Found]:
        return statement.convert_all(self._execute(self._sql(statement, values), values).fetchall())

    def stream(self, statement: Statement[_Found], **values: Any) -> Iterator[_Found]:
        # Several cursors may be open at once. The end of the transaction closes them, however far they were read.
        self._cursors += 1
        name = f"each_{self._cursors}"
        sql = f"DECLARE {name} NO SCROLL CURSOR FOR {self._sql(statement, values)}"
        self._execute(sql, values, prepare=False)
        while rows := self._execute(f"FETCH {_FETCH_SIZE} FROM {name}", prepare=False).fetchall():
            yield from map(statement.convert, rows)
            if len(rows) < _FETCH_SIZE:
                return

    def _first(self, statement: Statement[_Found], values: dict[str, Any]) -> _Found | None:
        row = self._execute(self._sql(statement, values), values).fetchone()
        return None if row is None else statement.convert(row)

    def _sql(self, statement: AnyStatement, values: dict[str, Any]) -> str:
        """Return a statement's text and prepare `values`; a malformed id becomes NULL, which matches nothing."""
        if self.read_set is not None:
            self.read_set.add(statement.dependency, values)
        text = statement.text(values, self.dialect)
        for name in statement.ids(self.dialect):
            if values[name] is not None and not _ID.fullmatch(values[name]):
                values[name] = None
        return text

    def _undo(self) -> None:
        if not self.connection.closed:
            self._execute("ROLLBACK TO attempt; RELEASE attempt")

    def is_usable(self) -> bool:
        return bool(self.connection.pgconn.transaction_status == pq.TransactionStatus.INTRANS)

    def is_usable_after(self, error: Exception) -> bool:
        return self.is_usable() and not connection.code(error).startswith((*connection.CROSSED, *connection.PASSING))
