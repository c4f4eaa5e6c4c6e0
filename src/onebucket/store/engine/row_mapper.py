"""Row mappers: which columns a query selects, and the object made from a row.

A column is decoded in one place: the mapper of its table. A query of several tables joins their mappers, so that a new
column of a table changes no query and no other mapper.
"""

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar, overload

from sqlalchemy import ColumnElement, FromClause

Row = tuple[Any, ...]

_Made = TypeVar("_Made")
_Named = TypeVar("_Named", bound=NamedTuple)
_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_D = TypeVar("_D")


class RowMapper(Generic[_Made]):
    """The `columns` that a query selects, and `convert`, which makes an object of a row of exactly these columns.

    `at` returns a function that makes the object of a longer row, where these columns begin at a position.
    """

    __slots__ = ("at", "columns", "convert")

    def __init__(
        self,
        columns: tuple[ColumnElement[Any], ...],
        convert: Callable[[Any], _Made],
        at: Callable[[int], Callable[[Row], _Made]] | None = None,
    ) -> None:
        self.columns = columns
        self.convert = convert
        self.at = at or self._at

    def _at(self, start: int) -> Callable[[Row], _Made]:
        convert, place = self.convert, slice(start, start + len(self.columns))
        return lambda row: convert(row[place])

    @property
    def raw(self) -> "RowMapper[Row]":
        """The same columns, for callers that convert a row only when they need the object."""
        return RowMapper(self.columns, _unchanged)

    @property
    def optional(self) -> "RowMapper[_Made | None]":
        """The same columns of an outer join: None where the whole row is missing."""
        convert, missing = self.convert, (None,) * len(self.columns)
        return RowMapper(self.columns, lambda row: None if row == missing else convert(row))

    def of(self, table: FromClause) -> "RowMapper[_Made]":
        """The same columns of an alias of their table."""
        return RowMapper(tuple(table.c[column.name] for column in self.columns), self.convert)


def _unchanged(row: Row) -> Row:
    return row


def mapped(*columns: ColumnElement[Any], make: Callable[..., _Made]) -> RowMapper[_Made]:
    """Return a mapper that calls `make` with the values of the columns, in this order."""
    return RowMapper(columns, lambda row: make(*row))


def named(row_type: type[_Named], *columns: ColumnElement[Any]) -> RowMapper[_Named]:
    """Return a mapper to a NamedTuple whose fields are the columns, in this order."""
    assert len(row_type._fields) == len(columns), row_type
    return RowMapper(columns, partial(tuple.__new__, row_type))


@overload
def scalar(column: ColumnElement[Any]) -> RowMapper[Any]: ...
@overload
def scalar(column: ColumnElement[Any], make: Callable[[Any], _Made]) -> RowMapper[_Made]: ...
def scalar(column: ColumnElement[Any], make: Callable[[Any], Any] | None = None) -> RowMapper[Any]:
    """Return a mapper to the value of one column, or to `make` of it."""

    def at(position: int) -> Callable[[Row], Any]:
        return itemgetter(position) if make is None else lambda row: make(row[position])

    return RowMapper((column,), at(0), at)


@overload
def joined(first: RowMapper[_A], second: RowMapper[_B], /) -> RowMapper[tuple[_A, _B]]: ...
@overload
def joined(first: RowMapper[_A], second: RowMapper[_B], third: RowMapper[_C], /) -> RowMapper[tuple[_A, _B, _C]]: ...
@overload
def joined(
    first: RowMapper[_A], second: RowMapper[_B], third: RowMapper[_C], fourth: RowMapper[_D], /
) -> RowMapper[tuple[_A, _B, _C, _D]]: ...
@overload
def joined(*parts: RowMapper[Any], make: Callable[..., _Made]) -> RowMapper[_Made]: ...
def joined(*parts: RowMapper[Any], make: Callable[..., Any] | None = None) -> RowMapper[Any]:
    """Return a mapper of the columns of several mappers, to a tuple of what they make or to `make(*these)`."""

    def at(start: int) -> Callable[[Row], Any]:
        convert = []
        for part in parts:
            convert.append(part.at(start))
            start += len(part.columns)
        if make is None:
            return lambda row: tuple([each(row) for each in convert])
        return lambda row: make(*[each(row) for each in convert])

    return RowMapper(tuple(column for part in parts for column in part.columns), at(0), at)
