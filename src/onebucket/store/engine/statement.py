"""Statements: made with SQLAlchemy Core, compiled once, and run as text."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, Dialect, Select, Table, Uuid
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from onebucket.store.engine import dependencies
from onebucket.store.engine.list_parameters import ListParameter, PairsParameter, is_storable

Row = tuple[Any, ...]
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


class Statement:
    """A SQLAlchemy Core statement, compiled at its first use and then run as text on the driver.

    Every value is bound by name. Measured: SQLAlchemy's own execution costs several times what SQLite needs for one of
    our short queries. A statement with ON CONFLICT is a function of the `insert` of whichever database it is for.
    A change that `spares` what was found changes nothing of it, although it is in the same table.
    """

    __slots__ = ("_clause", "_compiled_forms", "_dependency", "_keeps_cache", "_tables", "_unaffected")

    def __init__(self, clause: ClauseElement | Callable[[Any], ClauseElement], *, keeps_cache: bool = False) -> None:
        self._clause = clause
        self._compiled_forms: dict[str, tuple[str, dict[str, Any], tuple[str, ...], dict[str, _List]]] = {}
        self._dependency: tuple[str | None] | None = None
        self._keeps_cache = keeps_cache
        self._unaffected: dict[Statement, bool] = {}
        self._tables: frozenset[str] = frozenset()

    @property
    def dependency(self) -> str | None:
        """What it reads, as `grounds.of` tells it; of one that changes something, nothing is told."""
        if self._dependency is None:
            self._dependency = (dependencies.dependency_of(self._clause) if isinstance(self._clause, Select) else None,)
        return self._dependency[0]

    def text(self, values: dict[str, Any], dialect: str) -> str:
        """Give the SQL text in a dialect, and make `values` ready to be bound: the one way in, on both databases.

        Lists are encoded, texts that can't be stored become NULL, and the constants of the statement are added.
        """
        form = self._compiled_forms.get(dialect)
        if form is None:
            form = self._compiled_forms[dialect] = self._compiled(dialect)
        text, constants, _, lists = form
        for name, value in values.items():
            if name in lists:
                values[name] = lists[name].encoded(value)
            elif isinstance(value, str) and not is_storable(value):
                # NULL equals nothing that is stored, as this text does.
                values[name] = None
        if constants:
            values.update(constants)
        return text

    def ids(self, dialect: str) -> tuple[str, ...]:
        """The names of the values that are ids."""
        return self._compiled_forms[dialect][2]

    def invalidates(self, other: "Statement") -> bool:
        """Whether this change can change what the other finds; both have been run."""
        spared = self._unaffected.get(other)
        if spared is None:
            spared = self._unaffected[other] = self._keeps_cache or self._tables.isdisjoint(other._tables)
        return not spared

    def _compiled(self, dialect: str) -> tuple[str, dict[str, Any], tuple[str, ...], dict[str, _List]]:
        clause = self._clause if isinstance(self._clause, ClauseElement) else self._clause(_insert(dialect))
        compiled = clause.compile(dialect=_dialect(dialect))
        assert isinstance(compiled, SQLCompiler)
        self._tables = frozenset(each.name for each in visitors.iterate(clause) if isinstance(each, Table))
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return (
            compiled.string,
            constants,
            tuple(name for name, of in compiled.binds.items() if isinstance(of.type, Uuid)),
            {name: of.type for name, of in compiled.binds.items() if isinstance(of.type, _List)},
        )
