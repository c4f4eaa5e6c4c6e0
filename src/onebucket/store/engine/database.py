"""The interface of the database: read and write transactions that run statements directly on the driver.

It is implemented in `store/sqlite` and `store/postgres`. Nothing else differs between the two, except where a statement
says so itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from onebucket.store.engine.bounded_reads import ReadMode
from onebucket.store.engine.dependencies import ReadSet
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.engine.work_budget import WorkBudget

if TYPE_CHECKING:
    from onebucket.store.postgres.replica import Replica
    from onebucket.store.postgres.wal_position import ReplicationStatus, WalPosition

_Converted = TypeVar("_Converted")

# The version of a database: tokens are only compared for equality.
DataVersionToken = int | str | bytes

# Rows that a transaction caches for each statement.
ROW_CACHE_SIZE = 1000


class DatabaseUnusable(Exception):
    """The database can't be opened, or isn't one of ours; the message says how to mend it."""


class Missing(DatabaseUnusable):
    """There is no database at the given path."""


class DatabaseUnavailable(Exception):
    """The database is busy or unreachable, or its disk is full; retry after `retry_after` seconds."""

    retry_after = 5


class TransactionInterrupted(DatabaseUnavailable):
    """The connection was lost, or another transaction conflicted: nothing was changed; retry at once."""

    retry_after = 1


class Transaction(ABC):
    """An open transaction on one connection of the driver.

    `read_mode` says how long result sets are treated. `read_set` holds what was read, once `track_reads` was called.
    `budget` limits the work of a read that runs on the event loop. `position` is set after a commit, on a database that
    may have replicas: the position in its log from which a replica shows the change.
    """

    __slots__ = ("_deferred", "_deferred_count", "_row_cache", "budget", "read_mode", "read_set")

    connection: Any
    position: "WalPosition | None" = None

    def __init__(self, read_mode: ReadMode) -> None:
        self.read_mode = read_mode
        self.read_set: ReadSet | None = None
        self.budget: WorkBudget | None = None
        self._row_cache: dict[Statement, dict[tuple[Any, ...], Any]] = {}
        self._deferred: dict[tuple[Statement, str], dict[str, Any]] = {}
        self._deferred_count = 0

    def track_reads(self) -> None:
        """Collect in `read_set` what is read from now on."""
        self._row_cache.clear()
        self.read_set = ReadSet()

    def spend(self, rows: int) -> None:
        """Charge the budget for work that will take as long as reading `rows` rows. Raises BudgetExceeded."""
        if self.budget is not None:
            self.budget.spend(rows)

    def cached_row(
        self, statement: Statement, convert: Callable[[Row], _Converted], **values: Any
    ) -> _Converted | None:
        """Return `convert(row)` for the first row that `statement` finds, or None.

        The result is cached for this transaction, until it changes a table that the statement reads.
        """
        cache = self._row_cache.setdefault(statement, {})
        key = (convert, *values.items())
        if key not in cache:
            if len(cache) >= ROW_CACHE_SIZE:
                cache.clear()
            row = self.row(statement, **values)
            cache[key] = None if row is None else convert(row)
        cached: _Converted | None = cache[key]
        return cached

    def defer(self, statement: Statement, key: str, **values: Any) -> None:
        """Run a change just before the commit: once for each `key`, with the values passed last."""
        self._deferred[statement, key] = values
        self._deferred_count += 1

    def deferred(self, statement: Statement, key: str) -> dict[str, Any] | None:
        """Return the values of a deferred change, or None if there is none."""
        return self._deferred.get((statement, key))

    def run_deferred(self) -> None:
        """Run the deferred changes."""
        for (statement, _), values in self._deferred.items():
            self.run(statement, **values)
        self._deferred.clear()

    def _invalidate(self, change: Statement) -> None:
        for statement, cache in self._row_cache.items():
            if cache and change.invalidates(statement):
                cache.clear()

    @abstractmethod
    def change_count(self) -> int:
        """Return a number that grows with every row that is changed, deferred changes included."""

    @abstractmethod
    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """Return all rows that `statement` finds."""

    @abstractmethod
    def stream(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """Yield the rows that `statement` finds, with a cursor: they may not fit in memory."""

    @abstractmethod
    def row(self, statement: Statement, **values: Any) -> Row | None:
        """Return the first row that `statement` finds, or None."""

    @abstractmethod
    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; return the number of rows it changed."""

    @abstractmethod
    def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a change once for each of `rows`."""

    def reading_anything(self) -> AbstractContextManager[None]:
        """Read text that is not UTF-8 as lone surrogates, without an error.

        Somebody may have written into the file with other tools.
        """
        return nullcontext()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Roll back what is done inside, and only that, when it raises."""
        deferred = dict(self._deferred)
        self.connection.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self._row_cache.clear()
            self._deferred = deferred
            self._undo()
            raise
        self.connection.execute("RELEASE attempt")

    @abstractmethod
    def _undo(self) -> None:
        """Roll back to the savepoint and release it."""

    @abstractmethod
    def is_usable(self) -> bool:
        """Return True if what was done so far can still be committed."""

    def is_usable_after(self, error: Exception) -> bool:
        """Return True if what was done before that error, outside its savepoint, can still be committed."""
        return self.is_usable()


class VersionQuery(Protocol):
    """Asks for the database's version without blocking: when `socket` is readable, there may be an answer."""

    @property
    def socket(self) -> int:
        """The file descriptor to watch."""

    def send(self) -> None:
        """Send the query; the previous one must have been answered. Raises DatabaseUnavailable."""

    def poll(self) -> DataVersionToken | None:
        """Return the answer, or None if it has not arrived. Raises DatabaseUnavailable."""

    def close(self) -> None:
        """Close the connection."""


class Database(ABC):
    """The database. Reads never wait for writes; a change is on disk when `writing` ends.

    `name` is what users see, without any password; `url` is the value of `--database`, with it. `read_pool` runs reads,
    and `query_version` starts a query for the version, where either may wait for another machine; None where neither
    does. `aside` is the pool for reads that take too long for the event loop. `replicas` are standbys that can be read
    slightly later. `engine` is SQLAlchemy's URL of the driver. `begin_migration` are the statements that begin the
    transaction of a migration and lock it against other processes.
    """

    engine: str
    begin_migration: Sequence[str]
    name: str
    url: str
    read_pool: Executor | None = None
    aside: Executor
    query_version: Callable[[], VersionQuery] | None = None
    replicas: "Sequence[Replica]" = ()

    @abstractmethod
    def connect(self) -> Any:
        """Open another connection of the driver, with our settings. Raises DatabaseUnusable, DatabaseUnavailable."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a read transaction on one snapshot. Raises DatabaseUnavailable, DatabaseUnusable."""

    def hurried(self) -> AbstractContextManager[None]:
        """Give the transactions that this thread opens with `reading` inside a work budget.

        They raise BudgetExceeded after a millisecond or two, so that the event loop isn't blocked. Does nothing where
        reads have a pool of their own.
        """
        return nullcontext()

    @abstractmethod
    def reading_for_stream(self) -> AbstractContextManager[Transaction]:
        """Open a read transaction on a connection of its own, with `ReadMode.STREAMED`.

        It stays open until everything is sent, and may be used from several threads, one after the other.
        Raises DatabaseUnavailable, DatabaseUnusable.
        """

    @abstractmethod
    def writing(self, patience: Callable[[], float] | None = None) -> AbstractContextManager[Transaction]:
        """Open a write transaction: committed to disk when it ends, rolled back when it raises.

        There is one at a time over all processes, so nothing that it has read changes before it commits. It waits for
        another one to end for as many seconds as `patience` returns, `bounds.BUSY_SECONDS` by default. Raises
        DatabaseUnavailable, DatabaseUnusable.
        """

    @abstractmethod
    def version(self) -> DataVersionToken:
        """Return a token that changes whenever any process commits."""

    @property
    def replicas_description(self) -> str:
        """The number of replicas, and their names."""
        return f"{len(self.replicas)} more: {', '.join(replica.name for replica in self.replicas)}"

    def replication_status(self) -> "ReplicationStatus | None":
        """Return the position that replicas follow, or None if there can be no replicas.

        Raises DatabaseUnavailable, DatabaseUnusable.
        """
        return None

    @abstractmethod
    def tables(self) -> set[str]:
        """Return the names of the tables."""

    @abstractmethod
    def check(self) -> str:
        """Return what is broken, in the database's own words; empty when nothing is."""

    def version_note(self) -> str:
        """Return more to show beside the name, starting with a comma; empty when there is nothing."""
        return ""

    @abstractmethod
    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Write a consistent snapshot into a new file, without blocking others. Raises DatabaseUnusable."""

    @abstractmethod
    def restore_from(self, source: "Database", progress: Callable[[int, int], None]) -> None:
        """Replace the content by that of `source`, in one step for all processes. Raises DatabaseUnusable."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""
