"""Whether one text contains another, in either case, the same on both databases whatever their collations."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from onebucket.domain.filters import case_variants


class _Contains(FunctionElement[Any]):
    name = "contains"
    type = Boolean()
    inherit_cache = True


class _ContainsInAnyCase(FunctionElement[Any]):
    name = "contains_in_any_case"
    type = Boolean()
    inherit_cache = True


# Both know the two cases of ASCII letters only: SQLite always, PostgreSQL with this collation.
@compiles(_Contains, "sqlite")
def _like(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({column}) LIKE {pattern} ESCAPE '!'"


@compiles(_Contains, "postgresql")
def _ilike(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"""({column}) COLLATE "C" ILIKE {pattern} ESCAPE '!'"""


@compiles(_ContainsInAnyCase, "sqlite")
def _glob(element: _ContainsInAnyCase, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({column}) GLOB '*' || {pattern} || '*'"


@compiles(_ContainsInAnyCase, "postgresql")
def _regular_expression(element: _ContainsInAnyCase, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    # These two mean nothing in GLOB, and are the only ones in a pattern that do outside of square brackets.
    escaped = rf"replace(replace({pattern}, '\', '\\'), '^', '\^')"
    return f'({column}) COLLATE "C" ~ {escaped}'


def pattern(text: str) -> str:
    """Return the value to bind for a text to look for: an ASCII text for `contains`, any other for the other one.

    >>> pattern("50%"), pattern("Zoë [x]")
    ('%50!%%', '[Zz][Oo][Ëë] [[][Xx][]]')
    """
    if text.isascii():
        return f"%{''.join(f'!{each}' if each in '%_!' else each for each in text)}%"
    return "".join(each if each in _PLAIN else f"[{case_variants(each)}]" for each in text)


# In square brackets, the first would negate and the second escape.
_PLAIN = frozenset("^\\ ")


def contains(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Test whether a column contains the ASCII text whose pattern is bound to `name`."""
    return _Contains(column, bindparam(name, type_=Text))


def contains_in_any_case(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Test whether a column contains the text whose pattern is bound to `name`: slower, for all scripts."""
    return _ContainsInAnyCase(column, bindparam(name, type_=Text))
