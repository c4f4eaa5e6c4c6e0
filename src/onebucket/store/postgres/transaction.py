"""A transaction on PostgreSQL."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import pq

from onebucket.store.engine.errors import DatabaseUnavailable, TransactionInterrupted
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.replication import WalPosition
from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.statement import AnyStatement, Statement
from onebucket.store.engine.transaction import SAVEPOINT, Transaction
from onebucket.store.postgres import connection, wal_position

Connection = psycopg.Connection[Row]
_Found = TypeVar("_Found")

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A statement or command that is sent with the next one, and its values.
_Unsent = tuple[str, dict[str, Any] | None]
# Rows that a streaming query fetches at once.
_FETCH_SIZE = 500


class PostgresTransaction(Transaction):
    """An open transaction on one connection of psycopg, or one that begins with its first statement.

    What needs no answer is sent with the next statement, in psycopg's pipeline mode: the server may be a millisecond
    away, and a round trip takes as long as several statements.
    """

    __slots__ = ("_connection", "_cursors", "_has_begun", "_reopen", "_unsent", "position")

    dialect = "postgresql"

    def __init__(
        self,
        connection: Connection,
        read_mode: ReadMode = ReadMode.BUFFERED,
        *,
        begin: Sequence[str] = (),
        reopen: Callable[[], Connection] | None = None,
    ) -> None:
        """`begin` are the commands that begin it, none if it is open.

        `reopen` returns another connection if this one turns out to be lost when it begins.
        """
        super().__init__(read_mode)
        self.position: WalPosition | None = None
        self._connection = connection
        self._cursors = 0
        self._unsent: list[_Unsent] = [(command, None) for command in begin]
        self._has_begun = not begin
        self._reopen = reopen

    @property
    def connection(self) -> Connection:
        """The connection, in this transaction."""
        self._flush()
        return self._connection

    @property
    def is_lost(self) -> bool:
        """Return True if the connection is lost."""
        return self._connection.closed

    def _execute(self, sql: str, values: dict[str, Any] | None = None, *, prepare: bool | None = None) -> Any:
        if not self._unsent:
            return self._connection.execute(sql, values, prepare=prepare)
        return self._flush((sql, values), prepare=prepare)

    def _flush(self, *statement: _Unsent, prepare: bool | None = None) -> psycopg.Cursor[Row] | None:
        """Execute what is unsent, and then `statement`, whose cursor is returned, in one round trip."""
        statements, self._unsent = [*self._unsent, *statement], []
        has_begun, self._has_begun = self._has_begun, True
        if not statements:
            return None
        try:
            return self._pipelined(statements, [], prepare)
        except psycopg.Error:
            if has_begun or self._reopen is None or not self._connection.closed:
                raise
        # It has been lost since its last use.
        self._connection, self._reopen = self._reopen(), None
        return self._pipelined(statements, [], prepare)

    def _pipelined(
        self, statements: Sequence[_Unsent], cursors: list[psycopg.Cursor[Row]], prepare: bool | None = None
    ) -> psycopg.Cursor[Row]:
        """Execute several statements in one round trip; `cursors` gets the cursor of each, the last is returned."""
        try:
            with self._connection.pipeline():
                for sql, values in statements[:-1]:
                    # Commands aren't worth preparing.
                    cursors.append(self._connection.execute(sql, values, prepare=None if values else False))
                sql, values = statements[-1]
                cursors.append(self._connection.execute(sql, values, prepare=prepare))
        except psycopg.OperationalError as error:
            if not connection.code(error):
                # libpq says it, not the server: a connection that is cut in a pipeline may still look open.
                self._connection.close()
            raise
        return cursors[-1]

    def send(self, statement: AnyStatement, **values: Any) -> None:
        self._unsent.append((self._sql(statement, values), values))
        self._changed += 1
        self._invalidate(statement)

    def _send(self, command: str) -> None:
        self._unsent.append((command, None))

    def _finish(self) -> None:
        # Commands can't fail, and what failed before was raised already.
        if any(values is not None for _, values in self._unsent):
            self._flush()

    def commit(self) -> None:
        """Commit in one round trip with what is unsent, and set `position`.

        Raises TransactionInterrupted if nothing was done, DatabaseUnavailable if nobody knows.
        """
        if not self.is_usable():
            raise TransactionInterrupted("the transaction was undone by the database")
        statements = [*self._unsent, ("COMMIT", None), (wal_position.POSITION, None)]
        cursors: list[psycopg.Cursor[Row]] = []
        self._unsent, self._has_begun = [], True
        try:
            self._pipelined(statements, cursors)
        except psycopg.Error as error:
            done = [cursor.statusmessage for cursor in cursors if cursor.statusmessage is not None]
            if "COMMIT" in done:
                # The change is committed, whether or not its position can be read.
                return
            # The server's own error for something before the commit tells that it didn't come to that.
            is_told = connection.code(error) and len(done) < len(statements) - 2
            if self._connection.closed and not is_told:
                raise DatabaseUnavailable("the database was lost during a commit: the change may be done") from error
            raise
        if cursors[-2].statusmessage != "COMMIT":
            raise TransactionInterrupted("the transaction was undone by the database")
        row = cursors[-1].fetchone()
        self.position = wal_position.of_row(row) if row else None

    def roll_back(self) -> None:
        """Undo everything, unless it was committed; the connection stays open."""
        self._unsent.clear()
        connection.roll_back(self._connection)

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
        kept = len(self._unsent)
        while kept and self._unsent[kept - 1][0] != SAVEPOINT:
            kept -= 1
        if kept:
            # Nothing of the savepoint was sent.
            del self._unsent[kept - 1 :]
            return
        self._unsent.clear()
        # It fails where the transaction couldn't begin: the error that led here says why.
        with suppress(psycopg.Error):
            self._connection.execute("ROLLBACK TO attempt; RELEASE attempt")

    def is_usable(self) -> bool:
        return not self._has_begun or bool(self._connection.pgconn.transaction_status == pq.TransactionStatus.INTRANS)

    def is_usable_after(self, error: Exception) -> bool:
        return self.is_usable() and not connection.code(error).startswith((*connection.CROSSED, *connection.PASSING))
