"""The database on SQLite: one file in WAL mode, with a connection for each reading thread and one for all writes."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from onebucket import bounds
from onebucket.store.engine import work_budget, write_turn
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseMissing, DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.read_pool import ReadPool
from onebucket.store.engine.work_budget import BudgetExceeded, WorkBudget
from onebucket.store.engine.write_turn import Patience
from onebucket.store.sqlite import wal_index
from onebucket.store.sqlite.next_end import NextEnd
from onebucket.store.sqlite.transaction import SqliteTransaction

# Pages in the write-ahead log (16 MB) before a checkpoint copies them into the file: later commits mostly change the
# same pages again. With SQLite's default of 1,000 a change took 6 µs longer.
_WAL_PAGES = 4000


# Slow reads that run at once. More wouldn't be faster: they share the interpreter with the event loop.
THREADS = 4


class SqliteDatabase(Database):
    """One SQLite file; a change is acknowledged when it is on disk.

    Most reads take less time than handing them to a thread, so they run on the event loop with a work budget. Those
    that exceed it are repeated in the pool `aside`. With `reads_wal_index`, `version` reads the memory that connections
    share instead of asking SQLite.
    """

    engine = "sqlite://"
    begin_migration = ("BEGIN IMMEDIATE",)

    def __init__(self, path: Path | str, *, reads_wal_index: bool = True) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.url = f"sqlite:///{path}"
        self._of_thread = threading.local()
        self._is_hurried = threading.local()
        self.aside = ReadPool(THREADS)
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reads_wal_index = reads_wal_index
        self._wal_index_header: wal_index.WalIndexHeader | None = None
        self._has_tried_wal_index = False
        self._next_end = NextEnd()

    def connect(self) -> sqlite3.Connection:
        connection = None
        try:
            connection = sqlite3.connect(
                self.path,
                timeout=bounds.BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=bounds.COMPILED_STATEMENTS,
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        except sqlite3.DatabaseError as error:
            if connection is not None:
                connection.close()
            kind = DatabaseUnavailable if _code(error) in _TRANSIENT else DatabaseUnusable
            raise kind(f"can't open the database {self.path}: {error}") from None
        self._opened.append(connection)
        return connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = self.connect()
        return connection

    @contextmanager
    def reading(self) -> Iterator[SqliteTransaction]:
        connection = self._reader()
        budget = WorkBudget() if getattr(self._is_hurried, "yes", False) else None
        try:
            tx = self._begin_read(connection, is_hurried=budget is not None)
            if budget is not None:
                tx.budget = budget
                connection.set_progress_handler(budget.check, work_budget.STEPS_BETWEEN_CHECKS)
            yield tx
        except sqlite3.DatabaseError as error:
            if budget is not None and _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise BudgetExceeded from None
            raise self._to_exception(error, "be read") from error
        finally:
            if budget is not None:
                connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _begin_read(
        self, connection: sqlite3.Connection, mode: ReadMode = ReadMode.BUFFERED, *, is_hurried: bool = False
    ) -> SqliteTransaction:
        """Begin a read transaction, after the ends that are due. Raises BudgetExceeded instead of waiting for them."""
        connection.execute("BEGIN")
        tx = SqliteTransaction(connection, mode)
        if self.ends is not None:
            tx.next_end = self._next_end.before_read(connection, self._header())
            if self.ends.are_due(tx.next_end):
                connection.execute("ROLLBACK")
                if is_hurried:
                    raise BudgetExceeded
                with self.writing():
                    pass
                connection.execute("BEGIN")
                tx.next_end = self._next_end.before_read(connection, self._header())
        return tx

    @contextmanager
    def hurried(self) -> Iterator[None]:
        self._is_hurried.yes = True
        try:
            yield
        finally:
            self._is_hurried.yes = False

    @contextmanager
    def reading_for_stream(self) -> Iterator[SqliteTransaction]:
        connection = self.connect()
        try:
            yield self._begin_read(connection, ReadMode.STREAMED)
        except sqlite3.DatabaseError as error:
            raise self._to_exception(error, "be read") from error
        finally:
            connection.close()
            # `close` may have closed it and cleared the list.
            with suppress(ValueError):
                self._opened.remove(connection)

    def version(self) -> bytes | int:
        """Return a token that changes whenever any process commits.

        Tokens from `PRAGMA data_version`, which are numbers, can only be compared with those of the same thread.
        """
        header = self._header()
        if header is not None:
            return header
        number: int
        (number,) = self._reader().execute("PRAGMA data_version").fetchone()
        return number

    def _header(self) -> bytes | None:
        """Return the header of the WAL-index; None while a commit changes it, and if it isn't to be read."""
        if self._wal_index_header is not None:
            return self._wal_index_header.read()
        if self._reads_wal_index and not self._has_tried_wal_index:
            self._wal_index_header, self._has_tried_wal_index = wal_index.header(self.path), True
        return None

    @contextmanager
    def writing(self, patience: Patience | None = None) -> Iterator[SqliteTransaction]:
        with write_turn.turn(self._writing, patience) as left:
            if self._writer is None:
                self._writer = self.connect()
            connection = self._writer
            try:
                connection.execute(f"PRAGMA busy_timeout = {left()}")
                connection.execute("BEGIN IMMEDIATE")
                tx = SqliteTransaction(connection)
                others = 0
                if self.ends is not None:
                    tx.next_end, others = self._next_end.before_change(connection, self._header())
                    self.apply_due_ends(tx)
                yield tx
                tx.run_deferred()
                connection.execute("COMMIT")
                self._next_end.committed(others, tx.next_end)
            except sqlite3.DatabaseError as error:
                raise self._to_exception(error, "take changes") from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _to_exception(self, error: sqlite3.DatabaseError, action: str) -> Exception:
        code = _code(error)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DatabaseUnusable(f"{self.path} is damaged: {error}")
        # Any other error is a bug of ours.
        return DatabaseUnavailable(f"the database can't {action} now ({error})") if code in _TRANSIENT else error

    def tables(self) -> set[str]:
        with self.reading() as tx:
            return {name for (name,) in tx.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def check(self) -> str:
        with self.reading() as tx:
            return _quick_check(tx.connection)

    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Write a consistent snapshot into a new file, without blocking others.

        Raises DatabaseUnusable, also when the copy fails SQLite's quick check: `restore_from` must be able to use it.
        """
        unfinished = file.with_name(file.name + ".unfinished")
        try:
            unfinished.touch(mode=0o600)
            with closing(sqlite3.connect(unfinished, timeout=bounds.BUSY_SECONDS)) as target:
                _copy(self.connect(), target, progress)
                target.execute("PRAGMA journal_mode = DELETE")
                if broken := _quick_check(target):
                    raise sqlite3.DatabaseError(f"{self.path} is damaged: {broken}")
            with unfinished.open("rb+") as written:
                os.fsync(written.fileno())
            unfinished.replace(file)
        except (OSError, sqlite3.Error) as error:
            unfinished.unlink(missing_ok=True)
            reason = error.strerror if isinstance(error, OSError) else error
            raise DatabaseUnusable(f"can't write {file}: {reason}") from None

    def restore_from(self, source: Database, progress: Callable[[int, int], None]) -> None:
        try:
            _copy(source.connect(), self.connect(), progress)
        except sqlite3.Error as error:
            raise DatabaseUnusable(f"can't restore {source.name}: {error}") from None

    def close(self) -> None:
        """Close every connection; SQLite then removes the write-ahead log."""
        self.aside.shutdown(cancel_futures=True)
        self.aside = ReadPool(THREADS)
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._writer = self._wal_index_header = None
        self._next_end = NextEnd()
        self._has_tried_wal_index = False
        self._of_thread = threading.local()


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, progress: Callable[[int, int], None]) -> None:
    # In one step: a copy in several steps starts again whenever another connection writes in between.
    source.backup(target, pages=-1, progress=lambda status, remaining, total: progress(total - remaining, total))


# Errors that a retry may get over.
_TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def _code(error: sqlite3.Error) -> int:
    # The lower byte is the primary error code. Errors that Python's module raises by itself have no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _quick_check(connection: sqlite3.Connection) -> str:
    messages = [" ".join(str(fault).split()) for (fault,) in connection.execute("PRAGMA quick_check(3)")]
    return "" if messages == ["ok"] else "; ".join(messages)


def connect(url: str, *, make: bool, reads_wal_index: bool) -> SqliteDatabase:
    """Return the database of a URL `sqlite:///PATH`; create its folder and file if `make`. Raises DatabaseUnusable."""
    path = Path(url.removeprefix("sqlite:///")).expanduser()
    if make:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DatabaseUnusable(f"can't create the folder {path.parent}: {error.strerror}") from None
        # Readable by its owner only, also in a shared folder; SQLite gives `-wal` and `-shm` the same mode. Errors are
        # left to SQLite, which reports them. An existing file isn't opened: closing it would release others' locks.
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    elif not path.exists():
        raise DatabaseMissing(f"there is no database at {path}")

    return SqliteDatabase(path, reads_wal_index=reads_wal_index)
