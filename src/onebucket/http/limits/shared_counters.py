"""Counters shared by several workers: hash tables of numbers in shared memory, changed under one lock.

The parent makes the tables before it forks. A worker that is killed leaves no lock behind, because the kernel releases
it; at worst one count is lost.
"""

from hashlib import blake2b
from math import ceil
from mmap import mmap
from struct import calcsize

from onebucket.http.limits.counters import (
    MAX_OTHERS,
    MAX_USERS,
    MINUTES,
    RateLimitStore,
    StampCounter,
    WindowCounter,
)
from onebucket.http.process_lock import ProcessLock

_KEY_BYTES = 16

# The tables are set-associative: each key has this many slots. When all are taken, the least recently changed record is
# evicted.
WAYS = 16


def in_shared_memory(users: int = MAX_USERS, others: int = MAX_OTHERS) -> RateLimitStore:
    """Make counters for this process and its children; `users` and `others` are the maximum number of keys."""
    windows = SharedMemoryWindowCounter(users), SharedMemoryWindowCounter(others), SharedMemoryWindowCounter(others)
    stamps = SharedMemoryStampCounter(others), SharedMemoryStampCounter(others), SharedMemoryStampCounter(others)
    return RateLimitStore(*windows, *stamps, ProcessLock())


class _SharedHashTable:
    """A hash table of records of `size` numbers, for about `keys` keys.

    The first number of a record must grow whenever the record changes: eviction compares it. Offsets of records are
    indexes into `numbers`.
    """

    def __init__(self, keys: int, size: int, code: str) -> None:
        self._sets = ceil(keys / WAYS)
        self._size = size
        self._empty = memoryview(bytes(size * calcsize(code))).cast("B").cast(code)  # type: ignore[call-overload]
        # The kernel allocates these pages on the first write.
        self._keys = mmap(-1, self._sets * WAYS * _KEY_BYTES)
        self.numbers = memoryview(mmap(-1, self._sets * WAYS * size * calcsize(code))).cast("B").cast(code)  # type: ignore[call-overload]

    def find(self, key: bytes) -> int | None:
        """Return the offset of a key's record; None for an unknown key."""
        first = self._first_slot(key)
        position = self._keys[first * _KEY_BYTES : (first + WAYS) * _KEY_BYTES].find(key)
        return None if position < 0 else (first + position // _KEY_BYTES) * self._size

    def insert(self, key: bytes) -> int:
        """Make a zeroed record for a key in place of the least recently changed one, and return its offset."""
        first = self._first_slot(key)
        oldest = min(range(first, first + WAYS), key=lambda slot: self.numbers[slot * self._size])
        self.clear(oldest * self._size)
        self._keys[oldest * _KEY_BYTES : (oldest + 1) * _KEY_BYTES] = key
        return oldest * self._size

    def clear(self, offset: int) -> None:
        """Free a record and set its numbers to zero."""
        slot = offset // self._size
        self._keys[slot * _KEY_BYTES : (slot + 1) * _KEY_BYTES] = bytes(_KEY_BYTES)
        self.numbers[offset : offset + self._size] = self._empty

    def _first_slot(self, key: bytes) -> int:
        return int.from_bytes(key[:8]) % self._sets * WAYS


def _digest(key: str) -> bytes:
    return blake2b(key.encode(errors="surrogateescape"), digest_size=_KEY_BYTES).digest()


class SharedMemoryWindowCounter(WindowCounter):
    """`WindowCounter` in shared memory; a record is the minute of its last change, the sum, and a ring of minutes."""

    _RING = MINUTES + 1
    _SUM, _FIRST = 1, 2

    def __init__(self, most: int) -> None:
        self._table = _SharedHashTable(most, self._FIRST + self._RING, "i")
        self._numbers = self._table.numbers

    def count(self, key: str, at: float) -> int:
        offset = self._table.find(_digest(key))
        return 0 if offset is None else self._numbers[self._advance(offset, int(at / 60)) + self._SUM]

    def add(self, key: str, at: float, by: int = 1) -> None:
        offset = self._current_record(key, at)
        self._numbers[offset + self._FIRST + self._numbers[offset] % self._RING] += by
        self._numbers[offset + self._SUM] += by

    def take(self, key: str, at: float, most: int) -> int:
        offset = self._current_record(key, at)
        total: int = self._numbers[offset + self._SUM]
        if total < most:
            self._numbers[offset + self._FIRST + self._numbers[offset] % self._RING] += 1
            self._numbers[offset + self._SUM] = total + 1
        return total

    def seconds_until_below(self, key: str, at: float) -> int:
        offset = self._current_record(key, at)
        last, ring = self._numbers[offset], offset + self._FIRST
        counted = (
            minute for minute in range(last - MINUTES, last + 1) if self._numbers[ring + minute % self._RING] > 0
        )
        return ceil((next(counted, int(at / 60)) + MINUTES + 1) * 60 - at)

    def _current_record(self, key: str, at: float) -> int:
        digest = _digest(key)
        offset = self._table.find(digest)
        if offset is None:
            offset = self._table.insert(digest)
            self._numbers[offset] = int(at / 60)
        return self._advance(offset, int(at / 60))

    def _advance(self, offset: int, minute: int) -> int:
        """Advance a record to `minute`, and return its offset."""
        last = self._numbers[offset]
        if last < minute:
            ring = offset + self._FIRST
            for elapsed in range(max(last + 1, minute - MINUTES), minute + 1):
                self._numbers[ring + elapsed % self._RING] = 0
            self._numbers[offset] = minute
            self._numbers[offset + self._SUM] = sum(self._numbers[ring : ring + self._RING])
        return offset


class SharedMemoryStampCounter(StampCounter):
    """`StampCounter` in shared memory."""

    def __init__(self, most: int) -> None:
        self._table = _SharedHashTable(most, 2, "d")
        self._numbers = self._table.numbers

    def get(self, key: str) -> tuple[int, float] | None:
        offset = self._table.find(_digest(key))
        return None if offset is None else (int(self._numbers[offset + 1]), self._numbers[offset])

    def set(self, key: str, number: int, moment: float) -> None:
        digest = _digest(key)
        offset = self._table.find(digest)
        if offset is None:
            offset = self._table.insert(digest)
        self._numbers[offset], self._numbers[offset + 1] = moment, number

    def delete(self, key: str) -> None:
        offset = self._table.find(_digest(key))
        if offset is not None:
            self._table.clear(offset)
