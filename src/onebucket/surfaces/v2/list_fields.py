"""What a list can be asked by: its fields, each of a kind, declared in a table beside the route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias

from onebucket.domain import accounts, time_range
from onebucket.domain.filters import Operator, Readers, Value
from onebucket.domain.refusals import Invalid

# A literal of a filter: a text, a number, a time, true, false or null.
Literal: TypeAlias = str | int | bool | datetime | None

_EQUALITY = frozenset({Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN, Operator.NOT_IN})
_ORDER = frozenset({Operator.GREATER, Operator.GREATER_OR_EQUAL, Operator.LESS, Operator.LESS_OR_EQUAL})
_SEARCH = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of field: the operators that it takes, and how a literal becomes a value.

    `parse` raises ValueError or Invalid for a literal that is no such value; `needs` says what is needed instead.
    """

    needs: str
    operators: frozenset[Operator]
    parse: Callable[[Literal], Value]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a list.

    `source` is the name of an attribute of the items, and of the column where the store filters them; or a function of
    an item, for a list that is filtered in memory.
    """

    kind: Kind
    source: str | Callable[[Any], Value]
    is_sortable: bool = True


FieldTable: TypeAlias = Mapping[str, Field]


def key_of(table: FieldTable, name: str) -> str:
    """Return the name that filters and orders have for a field of a table. Raises KeyError."""
    source = table[name].source
    return source if isinstance(source, str) else name


def readers_of(table: FieldTable) -> Readers:
    """Return how to read each field of an item, by its name in filters and orders."""
    return {
        key_of(table, name): attrgetter(field.source) if isinstance(field.source, str) else field.source
        for name, field in table.items()
    }


def words(numbers: Mapping[str, int]) -> Kind:
    """Return a kind with a few words, and for each the number that it is stored as and compared by."""

    def parse(literal: Literal) -> Value:
        if not isinstance(literal, str) or literal not in numbers:
            raise ValueError
        return numbers[literal]

    return Kind("one of " + ", ".join(f'"{word}"' for word in numbers), _EQUALITY | _ORDER, parse)


def _text(literal: Literal) -> Value:
    if not isinstance(literal, str):
        raise ValueError
    return literal


def _boolean(literal: Literal) -> Value:
    if not isinstance(literal, bool):
        raise ValueError
    return literal


def _number(literal: Literal) -> Value:
    if isinstance(literal, bool) or not isinstance(literal, int):
        raise ValueError
    return literal


def _moment(literal: Literal) -> Value:
    if isinstance(literal, str):
        return time_range.parse(literal, what="the time")
    if not isinstance(literal, datetime):
        raise ValueError
    return time_range.checked(literal, what="the time")


def _uuid(literal: Literal) -> Value:
    uuid = accounts.bare_uuid(literal) if isinstance(literal, str) else None
    if uuid is None:
        raise ValueError
    return uuid


def _email(literal: Literal) -> Value:
    if not isinstance(literal, str):
        raise ValueError
    try:
        return accounts.email_key(literal)
    except Invalid:
        # One bad address among 90 is nobody's; the others are still looked for.
        return literal


TEXT = Kind("a text in double quotes", _EQUALITY | _ORDER | _SEARCH, _text)
BOOLEAN = Kind("true or false", frozenset({Operator.EQUAL, Operator.NOT_EQUAL}), _boolean)
NUMBER = Kind("a whole number", _EQUALITY | _ORDER, _number)
# Without an offset it is in UTC.
MOMENT = Kind("a time such as 2026-03-04T09:15:09+00:00", _EQUALITY | _ORDER, _moment)
UUID = Kind('a UUID such as "{11111111-2222-4333-8444-555555555555}"', _EQUALITY, _uuid)
# The fields of this kind hold the normal forms of addresses (`accounts.email_key`).
EMAIL = Kind("an e-mail address in double quotes", _EQUALITY | _SEARCH, _email)
