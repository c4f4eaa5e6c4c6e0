"""A transaction on SQLite."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from onebucket.store.engine.bounded_reads import ReadMode
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement


class SqliteTransaction(Transaction):
    """An open transaction on one connection of `sqlite3`."""

    __slots__ = ("_execute", "connection")

    def __init__(self, connection: sqlite3.Connection, read_mode: ReadMode = ReadMode.BUFFERED) -> None:
        super().__init__(read_mode)
        self.connection = connection
        self._execute = connection.execute

    def change_count(self) -> int:
        """Return a number that grows with every row that is changed, deferred changes included."""
        return int(self.connection.total_changes) + self._deferred_count

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """Return all rows that `statement` finds."""
        rows = self._execute(self._sql(statement, values), values).fetchall()
        if self.budget is not None:
            self.budget.spend(len(rows))
        return rows

    def stream(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """Yield the rows that `statement` finds, with a cursor: they may not fit in memory."""
        return iter(self._execute(self._sql(statement, values), values))

    def row(self, statement: Statement, **values: Any) -> Row | None:
        """Return the first row that `statement` finds, or None."""
        row: Row | None = self._execute(self._sql(statement, values), values).fetchone()
        if self.budget is not None:
            self.budget.spend(1)
        return row

    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; return the number of rows it changed."""
        changed = self._execute(statement.text(values, "sqlite"), values).rowcount
        self._invalidate(statement)
        return changed

    def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a change once for each of `rows`."""
        if rows:
            bound = [dict(row) for row in rows]
            sql, *_ = [statement.text(row, "sqlite") for row in bound]
            self.connection.executemany(sql, bound)
            self._invalidate(statement)

    def _sql(self, statement: Statement, values: dict[str, Any]) -> str:
        if self.read_set is not None:
            self.read_set.add(statement.dependency, values)
        return statement.text(values, "sqlite")

    @contextmanager
    def reading_anything(self) -> Iterator[None]:
        """Read text that is not UTF-8 as lone surrogates, without an error."""
        self.connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        try:
            yield
        finally:
            self.connection.text_factory = str

    def _undo(self) -> None:
        self._execute("ROLLBACK TO attempt")
        self._execute("RELEASE attempt")

    def is_usable(self) -> bool:
        """Return True if what was done so far can still be committed."""
        return bool(self.connection.in_transaction)
