"""A dict of bounded size, for every cache of one process."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class LruCache(Generic[_Key, _Value]):
    """Keeps values of `limit` in all, each counting 1 or what `size_of` says, and drops the least recently used first.

    To get a value is to use it. There is no lock: threads that share one need their own. A library's cache does the
    same, but each access passes through two or three of its Python functions: a response that is found by fingerprint
    took nearly a third longer with cachetools.
    """

    __slots__ = ("_entries", "_limit", "_size_of", "size")

    def __init__(self, limit: int, size_of: Callable[[_Value], int] | None = None) -> None:
        self._limit = limit
        self._size_of = size_of
        self._entries: OrderedDict[_Key, _Value] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._entries)

    def __contains__(self, key: _Key) -> bool:
        return key in self._entries

    def values(self) -> list[_Value]:
        """Return all values, the least recently used first, without using them."""
        return [*self._entries.values()]

    def get(self, key: _Key) -> _Value | None:
        """Return the value of a key, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def __setitem__(self, key: _Key, value: _Value) -> None:
        """Store a value, unless it alone is larger than the limit; the key's old value is dropped in any case."""
        if key in self._entries:
            self.delete(key)
        size = 1 if self._size_of is None else self._size_of(value)
        if size > self._limit:
            return
        self._entries[key] = value
        self.size += size
        while self.size > self._limit:
            self.delete(next(iter(self._entries)))

    def delete(self, key: _Key) -> None:
        """Drop a key, if it is there."""
        if key in self._entries:
            value = self._entries.pop(key)
            self.size -= 1 if self._size_of is None else self._size_of(value)

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self.size = 0
