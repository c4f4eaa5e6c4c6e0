"""A transaction: statements run in it directly on the driver, and what it knows of them until it ends."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, TypeVar

from onebucket.domain.ends import earlier
from onebucket.store.engine import combined_query, ends, timestamps
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.dependencies import ReadSet
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.replication import WalPosition
from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.statement import AnyStatement, Statement
from onebucket.store.engine.work_budget import WorkBudget

_Found = TypeVar("_Found")

SAVEPOINT = "SAVEPOINT attempt"

# Rows that a transaction caches for each statement; one more drops them all.
ROW_CACHE_SIZE = 1000


class AccountState(NamedTuple):
    """An account's stamp and revision, and the directory's stamp, all at one moment."""

    id: str
    stamp: str | None
    directory: str | None
    revision: int


class Transaction(ABC):
    """An open transaction on one connection of the driver.

    `read_mode` says how long result sets are treated. `read_set` holds what was read, once `track_reads` was called.
    `states` are those of accounts that were prefetched, until something is changed.
    `budget` limits the work of a read that runs on the event loop. `position` is set after a commit, on a database that
    may have replicas: the position in its log from which a replica shows the change.
    `next_end` is the next end of access that it knows, as the tables hold it; the database's own isn't earlier.
    """

    __slots__ = (
        "_changed",
        "_deferred",
        "_deferred_count",
        "_row_cache",
        "budget",
        "next_end",
        "read_mode",
        "read_set",
        "states",
    )

    connection: Any
    _execute: Any
    dialect: ClassVar[str]
    position: WalPosition | None = None

    def __init__(self, read_mode: ReadMode) -> None:
        self.read_mode = read_mode
        self.read_set: ReadSet | None = None
        self.budget: WorkBudget | None = None
        self.states: dict[str, AccountState] = {}
        self.next_end: int | None = None
        self._row_cache: dict[AnyStatement, dict[tuple[Any, ...], Any]] = {}
        self._deferred: dict[tuple[AnyStatement, str], dict[str, Any]] = {}
        self._deferred_count = 0
        self._changed = 0

    def track_reads(self) -> None:
        """Record in `read_set` what later statements read, or find in the cache."""
        self.read_set = ReadSet()

    def spend(self, rows: int) -> None:
        """Charge the budget for work that will take as long as reading `rows` rows. Raises BudgetExceeded."""
        if self.budget is not None:
            self.budget.spend(rows)

    def row(self, statement: Statement[_Found], **values: Any) -> _Found | None:
        """Return the first of what `statement` finds, or None; of a cached statement, perhaps from the cache."""
        if not statement.is_cached:
            return self._first(statement, values)
        cache = self._rows_of(statement)
        key = (*values.items(),)
        found: _Found | None = cache.get(key)
        if found is None and key not in cache:
            found = self._first(statement, values)
            _add(cache, key, found)
        elif self.read_set is not None:
            self.read_set.add(statement.dependency, values)
        return found

    def has_cached(self, statement: AnyStatement, **values: Any) -> bool:
        """Return True if `row` would answer from the cache."""
        cache = self._row_cache.get(statement)
        return cache is not None and (*values.items(),) in cache

    def cache_row(self, statement: Statement[_Found], found: _Found | None, **values: Any) -> None:
        """Cache what a cached statement would find now, for `row`; another statement has found it."""
        _add(self._rows_of(statement), (*values.items(),), found)

    def _rows_of(self, statement: AnyStatement) -> dict[tuple[Any, ...], Any]:
        cache = self._row_cache.get(statement)
        if cache is None:
            cache = self._row_cache[statement] = {}
        return cache

    def preload(self, *queries: Query | None) -> None:
        """Run several queries for a row of cached statements as one, so that `row` finds what they find in the cache.

        Those that are cached already are left out, and so is None.
        """
        missing = {}
        for query in queries:
            if query is not None:
                statement, values = query
                key = (*values.items(),)
                if key not in self._rows_of(statement):
                    missing[statement, key] = values
        if len(missing) == 1:
            ((statement, _),) = missing
            self.row(statement, **missing.popitem()[1])
        elif missing:
            statements = tuple(statement for statement, _ in missing)
            for (statement, key), row in zip(missing, self._combined(statements, [*missing.values()]), strict=True):
                _add(self._row_cache[statement], key, None if row is None else statement.convert(row))

    def _combined(self, statements: tuple[AnyStatement, ...], queries: Sequence[dict[str, Any]]) -> list[Row | None]:
        """Return the first row of each query, or None, without caching it."""
        prepared = [dict(values) for values in queries]
        for statement, values in zip(statements, prepared, strict=True):
            self._sql(statement, values)
        self.spend(len(statements))
        sql = combined_query.text(statements, self.dialect)
        found = self._execute(sql, combined_query.values(prepared)).fetchall()
        return combined_query.rows(found, statements, self.dialect)

    def defer(self, statement: AnyStatement, key: str, **values: Any) -> None:
        """Run a change just before the commit: once for each `key`, with the values passed last."""
        self._deferred[statement, key] = values
        self._deferred_count += 1

    def deferred(self, statement: AnyStatement, key: str) -> dict[str, Any] | None:
        """Return the values of a deferred change, or None if there is none."""
        return self._deferred.get((statement, key))

    def ask_for_next_end(self) -> None:
        """Ask the database for its next end of access."""
        (self.next_end,) = self._execute(ends.NEXT_END).fetchone()

    def noted_end(self, until: datetime | None) -> int | None:
        """Return an end of access as the tables hold it, to be stored, and take note of it."""
        number = timestamps.optional_to_number(until)
        self.next_end = earlier(self.next_end, number)
        return number

    def run_deferred(self) -> None:
        """Run the deferred changes."""
        for (statement, _), values in self._deferred.items():
            self.send(statement, **values)
        self._deferred.clear()

    def _invalidate(self, change: AnyStatement) -> None:
        self.states.clear()
        for statement, cache in self._row_cache.items():
            if change.invalidates(statement):
                cache.clear()

    def run(self, statement: AnyStatement, **values: Any) -> int:
        """Run a change; return the number of rows it changed."""
        changed: int = self._execute(self._sql(statement, values), values).rowcount
        self._changed += changed
        self._invalidate(statement)
        return changed

    def send(self, statement: AnyStatement, **values: Any) -> None:
        """Run a change of one row; over a network, in the round trip of what comes next in this savepoint."""
        self.run(statement, **values)

    def run_many(self, statement: AnyStatement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a change once for each of `rows`."""
        if rows:
            bound = [dict(row) for row in rows]
            sql, *_ = [self._sql(statement, row) for row in bound]
            cursor = self.connection.cursor()
            cursor.executemany(sql, bound)
            self._changed += cursor.rowcount
            self._invalidate(statement)

    def change_count(self) -> int:
        """Return a number that grows with every row that is changed, deferred changes included."""
        return self._changed + self._deferred_count

    @abstractmethod
    def rows(self, statement: Statement[_Found], **values: Any) -> list[_Found]:
        """Return everything that `statement` finds."""

    @abstractmethod
    def stream(self, statement: Statement[_Found], **values: Any) -> Iterator[_Found]:
        """Yield what `statement` finds, with a cursor: it may not fit in memory."""

    @abstractmethod
    def _first(self, statement: Statement[_Found], values: dict[str, Any]) -> _Found | None:
        """Return the first of what `statement` finds now, or None."""

    @abstractmethod
    def _sql(self, statement: AnyStatement, values: dict[str, Any]) -> str:
        """Return a statement's text, prepare `values` for it, and note what it reads."""

    def reading_anything(self) -> AbstractContextManager[None]:
        """Read text that is not UTF-8 as lone surrogates, without an error.

        Somebody may have written into the file with other tools.
        """
        return nullcontext()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Roll back only the changes made inside if it raises."""
        deferred = dict(self._deferred)
        self._send(SAVEPOINT)
        try:
            yield
            self._finish()
        except BaseException:
            self._row_cache.clear()
            self.states.clear()
            self._deferred = deferred
            self._undo()
            raise
        self._send("RELEASE attempt")

    def _send(self, sql: str) -> None:
        """Run a command; over a network, in the round trip of what comes next."""
        self._execute(sql)

    def _finish(self) -> None:  # noqa: B027
        """Wait for what was sent, so that it is known to have succeeded."""

    @abstractmethod
    def _undo(self) -> None:
        """Roll back to the savepoint and release it."""

    @abstractmethod
    def is_usable(self) -> bool:
        """Return True if what was done so far can still be committed."""

    def is_usable_after(self, error: Exception) -> bool:
        """Return True if what was done before that error, outside its savepoint, can still be committed."""
        return self.is_usable()


def _add(rows: dict[tuple[Any, ...], Any], key: tuple[Any, ...], found: Any) -> None:
    if len(rows) >= ROW_CACHE_SIZE:
        rows.clear()
    rows[key] = found
