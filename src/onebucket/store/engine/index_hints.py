"""What a statement tells SQLite about how to look, without hiding anything from a database that is split by account."""

from typing import Any

from sqlalchemy import Column, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class WithoutIndex(FunctionElement[Any]):
    """A column that SQLite is not to look rows up by; anywhere else it is the column itself."""

    name = "not_by"
    inherit_cache = True

    def __init__(self, column: Column[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(WithoutIndex)
def _column(element: WithoutIndex, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(WithoutIndex, "sqlite")
def _without_index(element: WithoutIndex, compiler: SQLCompiler, **options: Any) -> str:
    # A plus sign changes nothing but that no index serves (sqlite.org/optoverview.html).
    return f"+{compiler.process(element.clauses, **options)}"


def without_index(column: Column[Any]) -> ColumnElement[Any]:
    """That column, for a condition that holds of the rows found by another one."""
    return WithoutIndex(column)
