"""What is written out: JSON values, and what of them no format can say."""

from collections.abc import Iterable
from math import isfinite
from typing import TypeAlias, TypeVar, Union, cast

_Item = TypeVar("_Item")

Document: TypeAlias = Union["dict[str, Document]", "list[Document]", str, int, float, bool, None]


def finite(number: float) -> float:
    """A number that every format can say. Raises ValueError."""
    if not isfinite(number):
        raise ValueError("NaN and infinities are no JSON values")

    return number


class LazyList:
    """A list inside a document, however long: its items come as they are written, which is once."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object]) -> None:
        self.items = items


def lazy_list(items: Iterable[_Item]) -> list[_Item]:
    """The same, as what it stands for: where types speak of a list."""
    return cast(list[_Item], LazyList(items))
