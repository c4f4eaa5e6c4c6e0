"""Hints for SQLite's query planner that leave a query unchanged for other databases."""

from typing import Any

from sqlalchemy import ColumnElement
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
