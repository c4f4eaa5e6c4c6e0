"""Hints for query planners: which columns rows are looked up by."""

from typing import Any

from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class WithoutIndex(FunctionElement[Any]):
    """A column that SQLite must not look rows up by; on other databases it is the column itself."""

    name = "not_by"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(WithoutIndex)
def _column(element: WithoutIndex, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(WithoutIndex, "sqlite")
def _without_index(element: WithoutIndex, compiler: SQLCompiler, **options: Any) -> str:
    # A unary plus keeps SQLite from using an index on the column (https://sqlite.org/optoverview.html).
    return f"+{compiler.process(element.clauses, **options)}"


def without_index(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Keep SQLite from using an index on `column`, for a condition on rows that another column selects."""
    return WithoutIndex(column)


class _Found(FunctionElement[Any]):
    """The values that a query finds, once and first."""

    name = "found"
    inherit_cache = True


@compiles(_Found)
def _query(element: _Found, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Found, "postgresql")
def _array(element: _Found, compiler: SQLCompiler, **options: Any) -> str:
    # Otherwise PostgreSQL may make a join of it, and read every row that the other conditions allow.
    return f"(SELECT unnest(ARRAY{compiler.process(element.clauses, **options)}))"


def looked_up_among(column: ColumnElement[Any], query: Select[Any]) -> ColumnElement[bool]:
    """Require that a column has one of the values that a query finds; rows are looked up by them."""
    return column.op("IN", is_comparison=True)(_Found(query.scalar_subquery()))
