"""Where one text is in another, in either case, the same on both databases whatever their collations."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from onebucket.domain.filters import Place, case_variants


class _Like(FunctionElement[Any]):
    name = "like"
    type = Boolean()
    inherit_cache = True


class _Contains(FunctionElement[Any]):
    name = "contains_in_any_case"
    type = Boolean()
    inherit_cache = True
    is_start = is_end = False


class _Starts(_Contains):
    name = "starts_in_any_case"
    inherit_cache = True
    is_start = True


class _Ends(_Contains):
    name = "ends_in_any_case"
    inherit_cache = True
    is_end = True


_IN_ANY_CASE: Mapping[Place, type[_Contains]] = {
    Place.ANYWHERE: _Contains,
    Place.START: _Starts,
    Place.END: _Ends,
}


# Both know the two cases of ASCII letters only: SQLite always, PostgreSQL with this collation.
@compiles(_Like, "sqlite")
def _like(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({column}) LIKE {pattern} ESCAPE '!'"


@compiles(_Like, "postgresql")
def _ilike(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"""({column}) COLLATE "C" ILIKE {pattern} ESCAPE '!'"""


@compiles(_Contains, "sqlite")
def _glob(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    before, after = "" if element.is_start else "'*' || ", "" if element.is_end else " || '*'"
    return f"({column}) GLOB {before}{pattern}{after}"


@compiles(_Contains, "postgresql")
def _regular_expression(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    before, after = "'^' || " if element.is_start else "", " || '$'" if element.is_end else ""
    # These two mean nothing in GLOB, and are the only ones in a pattern that do outside of square brackets.
    escaped = rf"replace(replace({pattern}, '\', '\\'), '^', '\^')"
    return f'({column}) COLLATE "C" ~ ({before}{escaped}{after})'


def pattern(text: str, place: Place = Place.ANYWHERE) -> str:
    """Return the value to bind for a text to look for: an ASCII text for `found`, any other for the other one.

    >>> pattern("50%"), pattern("50%", Place.START), pattern("Zoë [x]")
    ('%50!%%', '50!%%', '[Zz][Oo][Ëë] [[][Xx][]]')
    """
    if text.isascii():
        escaped = "".join(f"!{each}" if each in "%_!" else each for each in text)
        return f"{'' if place is Place.START else '%'}{escaped}{'' if place is Place.END else '%'}"
    return "".join(each if each in _PLAIN else f"[{case_variants(each)}]" for each in text)


# In square brackets, the first would negate and the second escape.
_PLAIN = frozenset("^\\ ")


def found(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Test whether the ASCII text whose pattern is bound to `name` is in a column, at the place of the pattern."""
    return _Like(column, bindparam(name, type_=Text))


def found_in_any_case(column: ColumnElement[Any], name: str, place: Place) -> ColumnElement[bool]:
    """Test whether the text whose pattern is bound to `name` is in a column: slower, for all scripts."""
    return _IN_ANY_CASE[place](column, bindparam(name, type_=Text))
