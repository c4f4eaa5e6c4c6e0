"""Statements: written with SQLAlchemy Core, compiled once, and run as text."""

from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar, cast, overload

from sqlalchemy import ClauseElement, Dialect, Select, Table, Uuid
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from onebucket.store.engine import dependencies
from onebucket.store.engine.list_parameters import ListParameter, PairsParameter, is_storable
from onebucket.store.engine.row_mapper import Row, RowMapper

_Found = TypeVar("_Found")
_List = ListParameter | PairsParameter


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


class Statement(Generic[_Found]):
    """A SQLAlchemy Core statement, compiled at its first use and then run as text on the driver.

    Every value is bound by name. Measured: SQLAlchemy's own execution costs several times what SQLite needs for one of
    our short queries. A statement with ON CONFLICT is a function that takes the dialect's `insert`.
    `mapper` makes what the query returns of its rows, which have the mapper's columns; without one, they stay tuples.
    `is_cached`: a transaction keeps the row that the query has found, until it changes a table that the query reads.
    `keeps_cache`: this UPDATE touches a cached table, but no cached column.
    """

    __slots__ = (
        "_clause",
        "_compiled_forms",
        "_dependency",
        "_keeps_cache",
        "_tables",
        "_unaffected",
        "is_cached",
        "mapper",
    )

    @overload
    def __init__(self, clause: ClauseElement, mapper: RowMapper[_Found], *, is_cached: bool = False) -> None: ...
    @overload
    def __init__(
        self: "Statement[Row]", clause: ClauseElement | Callable[[Any], ClauseElement], *, keeps_cache: bool = False
    ) -> None: ...
    def __init__(
        self,
        clause: ClauseElement | Callable[[Any], ClauseElement],
        mapper: RowMapper[_Found] | None = None,
        *,
        is_cached: bool = False,
        keeps_cache: bool = False,
    ) -> None:
        self.mapper = mapper
        self.is_cached = is_cached
        self._clause = clause
        self._compiled_forms: dict[str, tuple[str, dict[str, Any], tuple[str, ...], dict[str, _List]]] = {}
        self._dependency: tuple[str | None] | None = None
        self._keeps_cache = keeps_cache
        self._unaffected: dict[AnyStatement, bool] = {}
        self._tables: frozenset[str] | None = None

    @property
    def dependency(self) -> str | None:
        """What a query reads, as `dependencies.dependency_of` returns it; None for a change."""
        if self._dependency is None:
            self._dependency = (dependencies.dependency_of(self._clause) if isinstance(self._clause, Select) else None,)
        return self._dependency[0]

    def convert(self, row: Row) -> _Found:
        """Return what the mapper makes of a row that the query has found."""
        return cast(_Found, row) if self.mapper is None else self.mapper.convert(row)

    def convert_all(self, rows: list[Row]) -> list[_Found]:
        """Return what the mapper makes of each row."""
        return cast(list[_Found], rows) if self.mapper is None else [*map(self.mapper.convert, rows)]

    def text(self, values: dict[str, Any], dialect: str) -> str:
        """Return the SQL text in a dialect, and prepare `values` for binding, in place.

        Lists are encoded, texts that can't be stored become NULL, and the statement's constants are added.
        """
        form = self._compiled_forms.get(dialect)
        if form is None:
            form = self._compiled_forms[dialect] = self._compiled(dialect)
        text, constants, _, lists = form
        for name, value in values.items():
            if lists and name in lists:
                values[name] = lists[name].encoded(value)
            elif type(value) is str and ("\0" in value or not value.isascii()) and not is_storable(value):
                # Like this text, NULL equals nothing that is stored.
                values[name] = None
        if constants:
            values.update(constants)
        return text

    def ids(self, dialect: str) -> tuple[str, ...]:
        """Return the names of the parameters that are ids. The statement must have been compiled."""
        return self._compiled_forms[dialect][2]

    def invalidates(self, other: "AnyStatement") -> bool:
        """Return True if this change can change what `other` finds."""
        unaffected = self._unaffected.get(other)
        if unaffected is None:
            unaffected = self._unaffected[other] = self._keeps_cache or self.tables.isdisjoint(other.tables)
        return not unaffected

    @property
    def tables(self) -> frozenset[str]:
        """The names of the tables that it reads or changes."""
        if self._tables is None:
            clause = self._clause if isinstance(self._clause, ClauseElement) else self._clause(_insert("sqlite"))
            self._tables = frozenset(node.name for node in visitors.iterate(clause) if isinstance(node, Table))
        return self._tables

    def _compiled(self, dialect: str) -> tuple[str, dict[str, Any], tuple[str, ...], dict[str, _List]]:
        clause = self._clause if isinstance(self._clause, ClauseElement) else self._clause(_insert(dialect))
        compiled = clause.compile(dialect=_dialect(dialect))
        assert isinstance(compiled, SQLCompiler)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return (
            compiled.string,
            constants,
            tuple(name for name, bind in compiled.binds.items() if isinstance(bind.type, Uuid)),
            {name: bind.type for name, bind in compiled.binds.items() if isinstance(bind.type, _List)},
        )


AnyStatement = Statement[Any]
