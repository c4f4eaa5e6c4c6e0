"""The database on SQLite: one file in WAL mode, read by each thread over a connection of its own, written over one."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from onebucket import bounds
from onebucket.store.engine import work_budget, write_turn
from onebucket.store.engine.bounded_reads import ReadMode
from onebucket.store.engine.database import Database, DatabaseUnavailable, DatabaseUnusable, Missing
from onebucket.store.engine.work_budget import BudgetExceeded, WorkBudget
from onebucket.store.engine.write_turn import Patience
from onebucket.store.postgres.read_pool import ReadPool
from onebucket.store.sqlite import commit_counter
from onebucket.store.sqlite.transaction import SqliteTransaction

# So many pages come into the write-ahead log, 16 MB, before they are copied into the file: in several commits most of
# them are the same pages again. With SQLite's own 1,000 a change took 6 µs more.
_WAL_PAGES = 4000


# So many questions that take longer are asked at once: they share what the interpreter leaves them.
THREADS = 4


class SqliteDatabase(Database):
    """One SQLite file; a change is acknowledged when it is on disk.

    A connection for each thread that reads, one for all that write. Most questions take less time than it takes to have
    a thread ask them; those that don't are asked again `aside`.
    """

    engine = "sqlite://"
    begin_migration = ("BEGIN IMMEDIATE",)

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.url = f"sqlite:///{path}"
        self._of_thread = threading.local()
        self._is_hurried = threading.local()
        self.aside = ReadPool(THREADS)
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._commit_counter: commit_counter.CommitCounter | None = None
        self._has_tried_counter = False

    def connect(self) -> sqlite3.Connection:
        """Open another connection, set up as all of ours are. Raises DatabaseUnusable, DatabaseUnavailable."""
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
        """Read one state of the database in a transaction. Raises DatabaseUnavailable, DatabaseUnusable."""
        connection = self._reader()
        moment = WorkBudget() if getattr(self._is_hurried, "yes", False) else None
        try:
            connection.execute("BEGIN")
            tx = SqliteTransaction(connection)
            if moment is not None:
                tx.budget = moment
                connection.set_progress_handler(moment.check, work_budget.STEPS_BETWEEN_CHECKS)
            yield tx
        except sqlite3.DatabaseError as error:
            if moment is not None and _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise BudgetExceeded from None
            raise self._to_exception(error, "be read") from error
        finally:
            if moment is not None:
                connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """While others wait: what is begun inside by `reading`, in this thread, raises TooLong after a moment."""
        self._is_hurried.yes = True
        try:
            yield
        finally:
            self._is_hurried.yes = False

    @contextmanager
    def reading_for_stream(self) -> Iterator[SqliteTransaction]:
        """The same on a connection of its own, for as long as what is read is sent.

        Raises DatabaseUnavailable, DatabaseUnusable.
        """
        connection = self.connect()
        try:
            connection.execute("BEGIN")
            yield SqliteTransaction(connection, ReadMode.STREAMED)
        except sqlite3.DatabaseError as error:
            raise self._to_exception(error, "be read") from error
        finally:
            connection.close()
            # When all were closed, it was among them.
            with suppress(ValueError):
                self._opened.remove(connection)

    def version(self) -> bytes | int:
        """Another one than before whenever anybody has committed anything, in this process or elsewhere.

        A number is to be compared only with one from the same thread.
        """
        known = self._commit_counter.read() if self._commit_counter is not None else None
        if known is not None:
            return known
        number = int(self._reader().execute("PRAGMA data_version").fetchone()[0])
        if not self._has_tried_counter:
            self._commit_counter, self._has_tried_counter = commit_counter.head(self.path), True
        return number

    @contextmanager
    def writing(self, patience: Patience | None = None) -> Iterator[SqliteTransaction]:
        """A transaction that changes things: on disk when it ends, undone when it raises.

        It waits for another one to end while there is patience. Raises DatabaseUnavailable, DatabaseUnusable.
        """
        with write_turn.turn(self._writing, patience) as left:
            if self._writer is None:
                self._writer = self.connect()
            connection = self._writer
            try:
                connection.execute(f"PRAGMA busy_timeout = {left()}")
                connection.execute("BEGIN IMMEDIATE")
                tx = SqliteTransaction(connection)
                yield tx
                tx.run_deferred()
                connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                raise self._to_exception(error, "take changes") from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _to_exception(self, error: sqlite3.DatabaseError, deed: str) -> Exception:
        code = _code(error)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DatabaseUnusable(f"{self.path} is damaged: {error}")
        # What is no trouble of the machine's is a mistake of ours.
        return DatabaseUnavailable(f"the database can't {deed} now ({error})") if code in _TRANSIENT else error

    def tables(self) -> set[str]:
        """The names of the tables there are."""
        with self.reading() as tx:
            return {row[0] for row in tx.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def check(self) -> str:
        """What is broken in the file, in SQLite's words; empty when nothing is."""
        with self.reading() as tx:
            return _quick_check(tx.connection)

    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Write one consistent state into a new file, while others read and write.

        Raises DatabaseUnusable, also for a state that `restore_from` would not be given.
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
        """Become what `source` is, in one step for everybody who reads or writes. Raises DatabaseUnusable."""
        try:
            _copy(source.connect(), self.connect(), progress)
        except sqlite3.Error as error:
            raise DatabaseUnusable(f"can't restore {source.name}: {error}") from None

    def close(self) -> None:
        """Close every connection; the file is left tidy, without its -wal."""
        self.aside.shutdown(cancel_futures=True)
        self.aside = ReadPool(THREADS)
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._writer = self._commit_counter = None
        self._has_tried_counter = False
        self._of_thread = threading.local()


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, progress: Callable[[int, int], None]) -> None:
    # In one step: a copy in several would start again whenever somebody writes in between.
    source.backup(target, pages=-1, progress=lambda status, remaining, total: progress(total - remaining, total))


# Troubles of the machine's, that may be over when the same is tried again.
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
    # The lower byte is the kind of error; what the module raises without asking SQLite has none.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _quick_check(connection: sqlite3.Connection) -> str:
    found = [" ".join(str(row[0]).split()) for row in connection.execute("PRAGMA quick_check(3)")]
    return "" if found == ["ok"] else "; ".join(found)


def connect(url: str, *, make: bool) -> SqliteDatabase:
    """The file that `sqlite:///PATH` names; it and its folder are made where `make` allows. Raises DatabaseUnusable."""
    path = Path(url.removeprefix("sqlite:///")).expanduser()
    if make:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DatabaseUnusable(f"can't make the folder {path.parent}: {error.strerror}") from None
        # For its owner alone, also in a folder that is everybody's; SQLite makes `-wal` and `-shm` like it, and says
        # what is wrong where there can't be one. One that is there is not opened: to close it would end others' locks.
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    elif not path.exists():
        raise Missing(f"there is no database at {path}")

    return SqliteDatabase(path)
