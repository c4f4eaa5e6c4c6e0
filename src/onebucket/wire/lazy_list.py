"""The values that can be encoded: JSON values, and lists whose items are produced while they are written."""

from collections.abc import Iterable
from math import isfinite
from typing import TypeAlias, TypeVar, Union, cast

_Item = TypeVar("_Item")

Document: TypeAlias = Union["dict[str, Document]", "list[Document]", str, int, float, bool, None]


def finite(number: float) -> float:
    """Return a finite number. Raises ValueError for NaN and infinities, which no format can represent."""
    if not isfinite(number):
        raise ValueError("NaN and infinities are no JSON values")

    return number


class LazyList:
    """A list of any length in a document; its items are produced while it is written, and only once."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object]) -> None:
        self.items = items


def lazy_list(items: Iterable[_Item]) -> list[_Item]:
    """Create a `LazyList` that is typed as a list, for fields of that type."""
    return cast(list[_Item], LazyList(items))
