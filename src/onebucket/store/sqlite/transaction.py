"""A transaction on SQLite, and what it may take while others wait."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from onebucket.store.engine.bounded_reads import ReadMode
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement


class SqliteTransaction(Transaction):
    """A transaction under way on one connection."""

    __slots__ = ("_execute", "connection")

    def __init__(self, connection: sqlite3.Connection, span: ReadMode = ReadMode.BUFFERED) -> None:
        super().__init__(span)
        self.connection = connection
        self._execute = connection.execute

    def change_count(self) -> int:
        """A number that grows with every row that is changed, or will be at the end."""
        return int(self.connection.total_changes) + self._deferred_count

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows that `statement` finds."""
        found = self._execute(self._sql(statement, values), values).fetchall()
        if self.budget is not None:
            self.budget.spend(len(found))
        return found

    def stream(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """The rows that `statement` finds, one after the other: there may be more than memory holds."""
        return iter(self._execute(self._sql(statement, values), values))

    def row(self, statement: Statement, **values: Any) -> Row | None:
        """The first row that `statement` finds, or None."""
        row: Row | None = self._execute(self._sql(statement, values), values).fetchone()
        if self.budget is not None:
            self.budget.spend(1)
        return row

    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; the number of rows it changed."""
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
        """Let text that is not UTF-8 be read as lone surrogates, not as an error: somebody else may have written it."""
        self.connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        try:
            yield
        finally:
            self.connection.text_factory = str

    def _undo(self) -> None:
        self._execute("ROLLBACK TO attempt")
        self._execute("RELEASE attempt")

    def is_usable(self) -> bool:
        """Whether what was done so far can still be committed."""
        return bool(self.connection.in_transaction)
