"""The database: reading and writing transactions, and statements compiled once and run on the driver itself.

What they are made of is in `sqlite.py` and `postgres.py`; nothing else differs between the two, except where a
statement says so itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Dialect, Table, Uuid
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
_Made = TypeVar("_Made")

# How long a change waits for one made by another process before it gives up.
BUSY_SECONDS = 10

# Of each statement; a transaction may look up any number of things.
FOUND_AT_MOST = 1000


class Unusable(Exception):
    """The database can't be opened, or isn't one of ours; the sentence says how to mend it."""


class Unavailable(Exception):
    """The database can't do this now: it is busy, gone, or the disk is full. It may be tried again."""

    retry_after = 5


class Interrupted(Unavailable):
    """The connection was lost, or somebody came in between: nothing was done, and it may be tried again at once."""

    retry_after = 1


@cache
def _dialect(name: str) -> Dialect:
    if name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.dialect(paramstyle="named")
    from sqlalchemy.dialects.postgresql.psycopg import dialect

    return dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


def _insert(name: str) -> Callable[..., Any]:
    if name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert

        return insert
    from sqlalchemy.dialects.postgresql import insert as upsert

    return upsert


class Statement:
    """A SQLAlchemy Core statement, compiled at its first use and then run as text on the driver.

    Every value is bound by name. Measured: SQLAlchemy's own execution costs several times what SQLite needs for one of
    our short queries. A statement with ON CONFLICT is a function of the `insert` of whichever database it is for.
    A change that `spares` what was found changes nothing of it, although it is in the same table.
    """

    __slots__ = ("_clause", "_forms", "_spared", "_spares", "_tables")

    def __init__(self, clause: ClauseElement | Callable[[Any], ClauseElement], *, spares: bool = False) -> None:
        self._clause = clause
        self._forms: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {}
        self._spares = spares
        self._spared: dict[Statement, bool] = {}
        self._tables: frozenset[str] = frozenset()

    def text(self, values: dict[str, Any], dialect: str) -> str:
        """The SQL text in a dialect; adds to `values` the constants that were written into the statement."""
        form = self._forms.get(dialect)
        if form is None:
            form = self._forms[dialect] = self._compiled(dialect)
        text, constants, _ = form
        if constants:
            values.update(constants)
        return text

    def ids(self, dialect: str) -> tuple[str, ...]:
        """The names of the values that are ids."""
        return self._forms[dialect][2]

    def overturns(self, other: "Statement") -> bool:
        """Whether this change can change what the other finds; both have been run."""
        spared = self._spared.get(other)
        if spared is None:
            spared = self._spared[other] = self._spares or self._tables.isdisjoint(other._tables)
        return not spared

    def _compiled(self, dialect: str) -> tuple[str, dict[str, Any], tuple[str, ...]]:
        clause = self._clause if isinstance(self._clause, ClauseElement) else self._clause(_insert(dialect))
        compiled = clause.compile(dialect=_dialect(dialect))
        assert isinstance(compiled, SQLCompiler)
        self._tables = frozenset(each.name for each in visitors.iterate(clause) if isinstance(each, Table))
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return (
            compiled.string,
            constants,
            tuple(name for name, of in compiled.binds.items() if isinstance(of.type, Uuid)),
        )


class Transaction(ABC):
    """A transaction under way on one connection of the driver's."""

    __slots__ = ("_at_end", "_found", "_left")

    connection: Any

    def __init__(self) -> None:
        self._found: dict[Statement, dict[tuple[Any, ...], Any]] = {}
        self._at_end: dict[tuple[Statement, str], dict[str, Any]] = {}
        self._left = 0

    def found(self, statement: Statement, made: Callable[[Row], _Made], **values: Any) -> _Made | None:
        """What `made` makes of the first row that `statement` finds, or None.

        It is looked up once for all who ask in this transaction, until something in it changes a table of it.
        """
        found = self._found.setdefault(statement, {})
        key = (made, *values.items())
        if key not in found:
            if len(found) >= FOUND_AT_MOST:
                found.clear()
            row = self.row(statement, **values)
            found[key] = None if row is None else made(row)
        kept: _Made | None = found[key]
        return kept

    def at_end(self, statement: Statement, key: str, **values: Any) -> None:
        """Run a change when the transaction ends: for each key once, with what was said last."""
        self._at_end[statement, key] = values
        self._left += 1

    def left(self, statement: Statement, key: str) -> dict[str, Any] | None:
        """The values with which a change will be run at the end; None where it won't."""
        return self._at_end.get((statement, key))

    def end(self) -> None:
        """Run what was left for the end."""
        for (statement, _), values in self._at_end.items():
            self.run(statement, **values)
        self._at_end.clear()

    def _overturn(self, change: Statement) -> None:
        for statement, found in self._found.items():
            if found and change.overturns(statement):
                found.clear()

    @abstractmethod
    def changed(self) -> int:
        """A number that grows with every row that is changed, or will be at the end."""

    @abstractmethod
    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows that `statement` finds."""

    @abstractmethod
    def each(self, statement: Statement, **values: Any) -> Iterator[Row]:
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

    @abstractmethod
    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what is done inside, and only that, when it raises."""

    @abstractmethod
    def stands(self) -> bool:
        """Whether what was done so far can still be committed."""

    def survives(self, error: Exception) -> bool:
        """Whether what was done before that error, outside its savepoint, can still be committed."""
        return self.stands()


class Database(ABC):
    """Where everything is kept. Reading never waits for writing; what was written is on disk when `writing` ends.

    `name` is what people are told, without any password; `url` is how `--database` spells it, with it. `readers` runs
    what only reads where that may wait for another machine; None where it doesn't. `engine` is what SQLAlchemy calls
    it, and `begin_steps` begins the transaction in which the schema is changed, by one process at a time.
    """

    engine: str
    begin_steps: Sequence[str]
    name: str
    url: str
    readers: Executor | None = None

    @abstractmethod
    def connect(self) -> Any:
        """Open another connection of the driver's, set up as all of ours are. Raises Unusable, Unavailable."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state of the database, and changes nothing. Raises Unavailable, Unusable."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that changes things: on disk when it ends, undone when it raises.

        There is one at a time, whichever process it is in: what was looked at is still so when it is changed. Raises
        Unavailable, Unusable.
        """

    @abstractmethod
    def version(self) -> int | str:
        """Another one than before whenever anybody has committed anything, in this process or elsewhere."""

    @abstractmethod
    def tables(self) -> set[str]:
        """The names of the tables there are."""

    @abstractmethod
    def check(self) -> str:
        """What is broken, in the database's own words; empty when nothing is."""

    def about(self) -> str:
        """What else there is to say of it, after a comma; empty when there is nothing."""
        return ""

    @abstractmethod
    def copy_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Write one consistent state into a new file, while others read and write. Raises Unusable."""

    @abstractmethod
    def restore_from(self, source: "Database", progress: Callable[[int, int], None]) -> None:
        """Become what `source` is, in one step for everybody who reads or writes. Raises Unusable."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""


def at(url: str, *, make: bool = True) -> Database:
    """The database that `url` names: `sqlite:///PATH`, whose folder is made where `make` allows, or `postgresql://…`.

    Raises Unusable.
    """
    kind = url.partition(":")[0]
    if kind in ("postgresql", "postgres"):
        from onebucket.store import postgres

        return postgres.at(url)
    if url.startswith("sqlite:///"):
        from onebucket.store import sqlite

        return sqlite.at(url, make=make)
    raise Unusable(f"{kind!r} databases can't be used: give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
