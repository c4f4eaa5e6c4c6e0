"""What can be encoded: JSON values without floats, and lists whose items are produced while they are written."""

from collections.abc import Iterable
from typing import TypeAlias, TypeVar, Union, cast

_Item = TypeVar("_Item")

Document: TypeAlias = Union["dict[str, Document]", "list[Document]", str, int, bool, None]


class LazyList:
    """A list of any length in a document; its items are produced while it is written, and only once."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object]) -> None:
        self.items = items


def lazy_list(items: Iterable[_Item]) -> list[_Item]:
    """Create a `LazyList` that is typed as a list, for fields of that type."""
    return cast(list[_Item], LazyList(items))
