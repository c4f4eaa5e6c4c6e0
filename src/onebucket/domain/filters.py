"""Filters and orders of lists, as trees that the store turns into SQL and that short lists are filtered by directly.

Both find the same: nothing is greater or less than a missing value, nor contained in it, and it differs from every
other. Letters match in either case where a text is looked for in another.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, TypeAlias, TypeVar

Value: TypeAlias = str | int | bool | datetime | None

_Item = TypeVar("_Item")


class Place(StrEnum):
    """Where a text is looked for in another."""

    ANYWHERE = "anywhere"
    START = "at its start"
    END = "at its end"


class Operator(StrEnum):
    """How a field is compared with a value, or with several (`IN` and `NOT_IN`)."""

    EQUAL = "="
    NOT_EQUAL = "!="
    CONTAINS = "~"
    NOT_CONTAINS = "!~"
    STARTS = "^="
    NOT_STARTS = "!^="
    ENDS = "$="
    NOT_ENDS = "!$="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    IN = "IN"
    NOT_IN = "NOT IN"


# The operators that look for a text in another, and where.
SEARCHES: Mapping[Operator, Place] = {
    Operator.CONTAINS: Place.ANYWHERE,
    Operator.NOT_CONTAINS: Place.ANYWHERE,
    Operator.STARTS: Place.START,
    Operator.NOT_STARTS: Place.START,
    Operator.ENDS: Place.END,
    Operator.NOT_ENDS: Place.END,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one field; `value` is a tuple of values for `IN` and `NOT IN`."""

    field: str
    operator: Operator
    value: Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """A condition that holds where all of its parts hold."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A condition that holds where one of its parts holds."""

    parts: "tuple[Filter, ...]"


Filter: TypeAlias = Comparison | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Order:
    """The field that a list is sorted by; missing values come first, or last if it is descending."""

    field: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which part of a list is wanted: of the items that pass the filter, in this order, `limit` from `offset` on.

    Without `is_counted` the database need not count all that pass.
    """

    limit: int
    offset: int = 0
    filter: Filter | None = None
    order: Order | None = None
    is_counted: bool = True

    @property
    def fields(self) -> set[str]:
        """The fields that decide which items are wanted, or in which order."""
        ordered = set() if self.order is None else {self.order.field}
        return ordered if self.filter is None else ordered | _fields(self.filter)


# The longest text whose words are looked for, and how many.
LONGEST_SEARCH, MOST_WORDS = 200, 10


def containing(text: str, *fields: str) -> Filter | None:
    """Return the condition that every word of a text is in one of the fields; None without a word.

    >>> containing("crew ", "slug")
    AllOf(parts=(AnyOf(parts=(Comparison(field='slug', operator=<Operator.CONTAINS: '~'>, value='crew'),)),))
    """
    words = text[:LONGEST_SEARCH].split()[:MOST_WORDS]
    parts = (AnyOf(tuple(Comparison(field, Operator.CONTAINS, word) for field in fields)) for word in words)
    return AllOf(tuple(parts)) if words else None


# How to read each field of an item.
Readers: TypeAlias = Mapping[str, Callable[[Any], Value]]


def evaluate(items: Iterable[_Item], query: ListQuery, readers: Readers) -> tuple[list[_Item], int]:
    """Return the part of a list that a query wants, and how many items pass its filter.

    The items come in the order that decides between equal ones.
    """
    passed = [item for item in items if query.filter is None or matches(query.filter, item, readers)]
    if query.order is not None:
        passed = ordered(passed, query.order, readers)
    return passed[query.offset : query.offset + query.limit], len(passed)


def ordered(items: Iterable[_Item], order: Order, readers: Readers) -> list[_Item]:
    """Sort items by a field; equal ones stay in their order."""
    read = readers[order.field]
    return sorted(items, key=lambda item: _sort_key(read(item)), reverse=order.is_descending)


def matches(filter: Filter, item: Any, readers: Readers) -> bool:
    """Return True if an item passes a filter."""
    if isinstance(filter, AllOf):
        return all(matches(part, item, readers) for part in filter.parts)
    if isinstance(filter, AnyOf):
        return any(matches(part, item, readers) for part in filter.parts)
    return _TESTS[filter.operator](readers[filter.field](item), filter.value)


def _fields(filter: Filter) -> set[str]:
    if isinstance(filter, Comparison):
        return {filter.field}
    return {field for part in filter.parts for field in _fields(part)}


def case_variants(character: str) -> str:
    """Return the characters that match this one where case doesn't count, itself included.

    >>> case_variants("ü"), case_variants("ß"), case_variants("7")
    ('Üü', 'ß', '7')
    """
    forms = {character, character.lower(), character.upper()}
    return "".join(sorted(form for form in forms if len(form) == 1))


def _sort_key(value: Value) -> tuple[bool, Any]:
    return (value is not None, value)


@lru_cache(maxsize=64)
def _pattern(text: str, place: Place) -> re.Pattern[str]:
    expression = "".join(f"[{re.escape(case_variants(character))}]" for character in text)
    start, end = r"\A" if place is Place.START else "", r"\Z" if place is Place.END else ""
    return re.compile(f"{start}{expression}{end}")


def _search(operator: Operator, *, negated: bool = False) -> Callable[[Any, Any], bool]:
    place = SEARCHES[operator]
    return lambda value, text: (value is not None and _pattern(text, place).search(value) is not None) != negated


def _unless_missing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, other: value is not None and compare(value, other)


_TESTS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: lambda value, other: bool(value == other),
    Operator.NOT_EQUAL: lambda value, other: bool(value != other),
    Operator.CONTAINS: _search(Operator.CONTAINS),
    Operator.NOT_CONTAINS: _search(Operator.CONTAINS, negated=True),
    Operator.STARTS: _search(Operator.STARTS),
    Operator.NOT_STARTS: _search(Operator.STARTS, negated=True),
    Operator.ENDS: _search(Operator.ENDS),
    Operator.NOT_ENDS: _search(Operator.ENDS, negated=True),
    Operator.GREATER: _unless_missing(gt),
    Operator.GREATER_OR_EQUAL: _unless_missing(ge),
    Operator.LESS: _unless_missing(lt),
    Operator.LESS_OR_EQUAL: _unless_missing(le),
    Operator.IN: lambda value, values: value in values,
    Operator.NOT_IN: lambda value, values: value not in values,
}
