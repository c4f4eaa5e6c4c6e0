"""The interface of the database, which `store/sqlite` and `store/postgres` implement.

Nothing else differs between the two, except where a statement says so itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from onebucket.store.engine.ends import Ends
from onebucket.store.engine.read_pool import ReadPool
from onebucket.store.engine.replication import ReplicationStatus, WalPosition
from onebucket.store.engine.transaction import Transaction

# The version of a database: tokens are only compared for equality.
DataVersionToken = int | str | bytes


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


class Replica(Protocol):
    """A standby of a database: it is read, and shows what has been committed slightly later.

    It can't apply `ends`: it refuses to be read while one is due.
    """

    name: str
    ends: Ends | None
    read_pool: ReadPool

    def replication_status(self) -> ReplicationStatus:
        """Return the position that it has come to. Raises DatabaseUnavailable, DatabaseUnusable."""

    def reading_after(self, position: WalPosition, primary: ReplicationStatus) -> AbstractContextManager[Transaction]:
        """Open a read transaction that sees everything up to `position` of the primary.

        Raises ReplicaLagging, DatabaseUnavailable, DatabaseUnusable.
        """

    def close(self) -> None:
        """Close every connection."""


class Database(ABC):
    """The database. Reads never wait for writes; a change is on disk when `writing` ends.

    `name` is what users see, without any password; `url` is the value of `--database`, with it. `read_pool` runs reads,
    and `query_version` starts a query for the version, where either may wait for another machine; None where neither
    does. `aside` is the pool for reads that take too long for the event loop. `replicas` are standbys that can be read
    slightly later. `engine` is SQLAlchemy's URL of the driver. `begin_migration` are the statements that begin the
    transaction of a migration and lock it against other processes. With `ends`, the ends of access that are due are
    applied before a transaction begins to read or to change anything.
    """

    engine: str
    begin_migration: Sequence[str]
    name: str
    url: str
    read_pool: Executor | None = None
    aside: Executor
    query_version: Callable[[], VersionQuery] | None = None
    replicas: Sequence[Replica] = ()
    ends: Ends | None = None

    def use_ends(self, ends: Ends) -> None:
        """Let access end from now on; the database must have the current schema."""
        self.ends = ends
        for replica in self.replicas:
            replica.ends = ends

    def apply_due_ends(self, tx: Transaction) -> None:
        """Apply the ends that are due, in a write transaction, where they may have become due since it began."""
        if self.ends is not None and self.ends.are_due(tx.next_end):
            self.ends.apply(tx, self.ends.clock())
            tx.ask_for_next_end()

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
        another one to end, at its first statement at the latest, for as many seconds as `patience` returns,
        `bounds.BUSY_SECONDS` by default. Raises DatabaseUnavailable, DatabaseUnusable.
        """

    @abstractmethod
    def version(self) -> DataVersionToken:
        """Return a token that changes whenever any process commits."""

    def replication_status(self) -> ReplicationStatus | None:
        """Return the position that replicas follow, or None if there can be no replicas.

        Raises DatabaseUnavailable, DatabaseUnusable.
        """
        return None

    @abstractmethod
    def tables(self) -> set[str]:
        """Return the names of the tables."""

    @abstractmethod
    def check(self) -> str:
        """Return the database's description of its damage; empty if it is intact."""

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
