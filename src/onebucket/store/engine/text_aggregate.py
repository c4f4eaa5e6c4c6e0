"""The texts of several rows as one, in both databases: what a single value of another query may bring along."""

from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

# The control characters that stand between rows and between the columns of one; no name has them.
BETWEEN_ROWS, BETWEEN_COLUMNS = "\x1e", "\x1f"


class _Texts(FunctionElement[Any]):
    name = "texts_of_rows"
    type = Text()
    inherit_cache = True


@compiles(_Texts, "sqlite")
def _group_concat(element: _Texts, compiler: SQLCompiler, **options: Any) -> str:
    columns = " || char(31) || ".join(compiler.process(each, **options) for each in element.clauses)
    return f"group_concat({columns}, char(30))"


@compiles(_Texts)
def _string_agg(element: _Texts, compiler: SQLCompiler, **options: Any) -> str:
    columns = " || chr(31) || ".join(compiler.process(each, **options) for each in element.clauses)
    return f"string_agg({columns}, chr(30))"


def texts_of_rows(*columns: ColumnElement[Any]) -> ColumnElement[str]:
    """Join the texts of all rows; NULL without any."""
    return _Texts(*columns)


def rows_of_text(text: str | None) -> list[list[str]]:
    """Return what `texts_of_rows` has joined, a list for each row."""
    return [row.split(BETWEEN_COLUMNS) for row in text.split(BETWEEN_ROWS)] if text else []
