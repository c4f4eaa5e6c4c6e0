"""A transaction on SQLite."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.statement import AnyStatement, Statement
from onebucket.store.engine.transaction import Transaction

_Found = TypeVar("_Found")


class SqliteTransaction(Transaction):
    """An open transaction on one connection of `sqlite3`."""

    __slots__ = ("_execute", "connection")

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, read_mode: ReadMode = ReadMode.BUFFERED) -> None:
        super().__init__(read_mode)
        self.connection = connection
        self._execute = connection.execute

    def rows(self, statement: Statement[_Found], **values: Any) -> list[_Found]:
        rows = self._execute(self._sql(statement, values), values).fetchall()
        if self.budget is not None:
            self.budget.spend(len(rows))
        return statement.convert_all(rows)

    def stream(self, statement: Statement[_Found], **values: Any) -> Iterator[_Found]:
        return map(statement.convert, self._execute(self._sql(statement, values), values))

    def _first(self, statement: Statement[_Found], values: dict[str, Any]) -> _Found | None:
        row = self._execute(self._sql(statement, values), values).fetchone()
        if self.budget is not None:
            self.budget.spend(1)
        return None if row is None else statement.convert(row)

    def _sql(self, statement: AnyStatement, values: dict[str, Any]) -> str:
        if self.read_set is not None:
            self.read_set.add(statement.dependency, values)
        return statement.text(values, self.dialect)

    @contextmanager
    def reading_anything(self) -> Iterator[None]:
        self.connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        try:
            yield
        finally:
            self.connection.text_factory = str

    def _undo(self) -> None:
        # SQLite itself rolls everything back when the disk is full, for example.
        if self.connection.in_transaction:
            self._execute("ROLLBACK TO attempt")
            self._execute("RELEASE attempt")

    def is_usable(self) -> bool:
        return bool(self.connection.in_transaction)
