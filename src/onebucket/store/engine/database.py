"""The database: reading and writing transactions, in which statements are run on the driver itself.

What they are made of is in `sqlite.py` and `postgres.py`; nothing else differs between the two, except where a
statement says so itself.
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

_Made = TypeVar("_Made")

# What is seen of a database, as something to compare.
DataVersionToken = int | str | bytes

# Of each statement; a transaction may look up any number of things.
ROW_CACHE_SIZE = 1000


class DatabaseUnusable(Exception):
    """The database can't be opened, or isn't one of ours; the sentence says how to mend it."""


class Missing(DatabaseUnusable):
    """There is no database at that place."""


class DatabaseUnavailable(Exception):
    """The database can't do this now: it is busy, gone, or the disk is full. It may be tried again."""

    retry_after = 5


class TransactionInterrupted(DatabaseUnavailable):
    """The connection was lost, or somebody came in between: nothing was done, and it may be tried again at once."""

    retry_after = 1


class Transaction(ABC):
    """A transaction under way on one connection of the driver's; its `span` may be set at its beginning.

    `position` is where a change can be seen once it is committed, on a database that may have replicas.
    `seen` is what it has read, where that is noted; `budget` what it may read and make, where others wait for it.
    """

    __slots__ = ("_deferred", "_deferred_count", "_row_cache", "budget", "read_mode", "read_set")

    connection: Any
    position: "WalPosition | None" = None

    def __init__(self, span: ReadMode) -> None:
        self.read_mode = span
        self.read_set: ReadSet | None = None
        self.budget: WorkBudget | None = None
        self._row_cache: dict[Statement, dict[tuple[Any, ...], Any]] = {}
        self._deferred: dict[tuple[Statement, str], dict[str, Any]] = {}
        self._deferred_count = 0

    def track_reads(self) -> None:
        """Note in `seen` what is read from now on."""
        self._row_cache.clear()
        self.read_set = ReadSet()

    def spend(self, rows: int) -> None:
        """Say beforehand that work is to be done which takes as long as so many rows. Raises BudgetExceeded."""
        if self.budget is not None:
            self.budget.spend(rows)

    def cached_row(self, statement: Statement, made: Callable[[Row], _Made], **values: Any) -> _Made | None:
        """What `made` makes of the first row that `statement` finds, or None.

        It is looked up once for all who ask in this transaction, until something in it changes a table of it.
        """
        found = self._row_cache.setdefault(statement, {})
        key = (made, *values.items())
        if key not in found:
            if len(found) >= ROW_CACHE_SIZE:
                found.clear()
            row = self.row(statement, **values)
            found[key] = None if row is None else made(row)
        kept: _Made | None = found[key]
        return kept

    def defer(self, statement: Statement, key: str, **values: Any) -> None:
        """Run a change when the transaction ends: for each key once, with what was said last."""
        self._deferred[statement, key] = values
        self._deferred_count += 1

    def deferred(self, statement: Statement, key: str) -> dict[str, Any] | None:
        """The values with which a change will be run at the end; None where it won't."""
        return self._deferred.get((statement, key))

    def run_deferred(self) -> None:
        """Run what was left for the end."""
        for (statement, _), values in self._deferred.items():
            self.run(statement, **values)
        self._deferred.clear()

    def _invalidate(self, change: Statement) -> None:
        for statement, found in self._row_cache.items():
            if found and change.invalidates(statement):
                found.clear()

    @abstractmethod
    def change_count(self) -> int:
        """A number that grows with every row that is changed, or will be at the end."""

    @abstractmethod
    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows that `statement` finds."""

    @abstractmethod
    def stream(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """The rows that `statement` finds, one after the other: there may be more than memory holds."""

    @abstractmethod
    def row(self, statement: Statement, **values: Any) -> Row | None:
        """The first row that `statement` finds, or None."""

    @abstractmethod
    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; the number of rows it changed."""

    @abstractmethod
    def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a change once for each of `rows`."""

    def reading_anything(self) -> AbstractContextManager[None]:
        """Let text that is not UTF-8 be read as lone surrogates, not as an error: somebody else may have written it."""
        return nullcontext()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is done inside, and only that, when it raises."""
        at_end = dict(self._deferred)
        self.connection.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self._row_cache.clear()
            self._deferred = at_end
            self._undo()
            raise
        self.connection.execute("RELEASE attempt")

    @abstractmethod
    def _undo(self) -> None:
        """Undo what was done since the savepoint, and let go of it."""

    @abstractmethod
    def is_usable(self) -> bool:
        """Whether what was done so far can still be committed."""

    def is_usable_after(self, error: Exception) -> bool:
        """Whether what was done before that error, outside its savepoint, can still be committed."""
        return self.is_usable()


class VersionQuery(Protocol):
    """Asks which version there is, without waiting: when `socket` can be read, there may be an answer."""

    @property
    def socket(self) -> int:
        """What is to be watched."""

    def send(self) -> None:
        """Send the question; the answer to the one before must have come. Raises DatabaseUnavailable."""

    def poll(self) -> DataVersionToken | None:
        """What was answered; None as long as it has not come. Raises DatabaseUnavailable."""

    def close(self) -> None:
        """Ask no more."""


class Database(ABC):
    """Where everything is kept. Reading never waits for writing; what was written is on disk when `writing` ends.

    `name` is what people are told, without any password; `url` is how `--database` spells it, with it. `readers` runs
    what only reads, and `inquire` begins to ask for the version, where that may wait for another machine; None where
    it doesn't. `aside` runs what takes longer than a moment, everywhere. `replicas` are where the same can be read a
    moment later. `engine` is what SQLAlchemy calls it, and `begin_steps` begins the transaction in which the schema is
    changed, by one process at a time.
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
        """Open another connection of the driver's, set up like all. Raises DatabaseUnusable, DatabaseUnavailable."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Transaction]:
        """Read one state of the database in a transaction. Raises DatabaseUnavailable, DatabaseUnusable."""

    def hurried(self) -> AbstractContextManager[None]:
        """While others wait: what is begun inside by `reading`, in this thread, raises TooLong after a moment."""
        return nullcontext()

    @abstractmethod
    def reading_for_stream(self) -> AbstractContextManager[Transaction]:
        """The same on a connection of its own, for as long as it takes to send what is read, in whichever threads.

        Its span is `LASTING`. Raises DatabaseUnavailable, DatabaseUnusable.
        """

    @abstractmethod
    def writing(self, patience: Callable[[], float] | None = None) -> AbstractContextManager[Transaction]:
        """A transaction that changes things: on disk when it ends, undone when it raises.

        There is one at a time, whichever process it is in: what was looked at is still so when it is changed. It waits
        for another one to end as long as `patience` tells how many seconds are left; `bounds.BUSY_SECONDS` without.
        Raises DatabaseUnavailable, DatabaseUnusable.
        """

    @abstractmethod
    def version(self) -> DataVersionToken:
        """Another one than before whenever anybody has committed anything, in this process or elsewhere."""

    @property
    def replicas_description(self) -> str:
        """How many replicas there are, and their names."""
        return f"{len(self.replicas)} more: {', '.join(each.name for each in self.replicas)}"

    def replication_status(self) -> "ReplicationStatus | None":
        """Where it stands in what replicas follow; None where there can be none.

        Raises DatabaseUnavailable, DatabaseUnusable.
        """
        return None

    @abstractmethod
    def tables(self) -> set[str]:
        """The names of the tables there are."""

    @abstractmethod
    def check(self) -> str:
        """What is broken, in the database's own words; empty when nothing is."""

    def version_note(self) -> str:
        """What else there is to say of it, after a comma; empty when there is nothing."""
        return ""

    @abstractmethod
    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Write one consistent state into a new file, while others read and write. Raises DatabaseUnusable."""

    @abstractmethod
    def restore_from(self, source: "Database", progress: Callable[[int, int], None]) -> None:
        """Become what `source` is, in one step for everybody who reads or writes. Raises DatabaseUnusable."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""
