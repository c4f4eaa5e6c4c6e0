"""What several processes count together: tables of numbers in memory that they share, changed by one at a time.

Whoever starts them makes the tables first. A process that is killed leaves no lock behind, since the kernel takes it
back, and at worst one number that was not counted.
"""

import fcntl
import os
import threading
from hashlib import blake2b
from math import ceil
from mmap import mmap
from pathlib import Path
from struct import calcsize
from tempfile import mkstemp
from weakref import finalize

from onebucket.http.limits.counters import MAX_OTHERS, MAX_USERS, MINUTES, RateLimitStore

_KEY = 16

# A key has one of so many places, as in a processor's cache; where all are taken, the one changed longest ago is given.
WAYS = 16


def in_shared_memory(users: int = MAX_USERS, others: int = MAX_OTHERS) -> RateLimitStore:
    """Counts for this process and all that it will start, of so many users, and of so many of everything else."""
    hours = SharedMemoryWindowCounter(users), SharedMemoryWindowCounter(others), SharedMemoryWindowCounter(others)
    marks = SharedMemoryStampCounter(others), SharedMemoryStampCounter(others), SharedMemoryStampCounter(others)
    return RateLimitStore(*hours, *marks, ProcessLock())


class ProcessLock:
    """Held by one thread of one process at a time."""

    def __init__(self) -> None:
        self._file, name = mkstemp(prefix="onebucket-")
        Path(name).unlink()
        finalize(self, os.close, self._file)
        # The kernel's lock is the process's: its threads take turns among themselves.
        self._turn = threading.Lock()

    def __enter__(self) -> None:
        self._turn.acquire()
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._turn.release()


class _SharedHashTable:
    """Records of `size` numbers by key, for about so many keys; the first number grows whenever a record is changed."""

    def __init__(self, keys: int, size: int, code: str) -> None:
        self._sets = ceil(keys / WAYS)
        self._size = size
        self._empty = memoryview(bytes(size * calcsize(code))).cast("B").cast(code)  # type: ignore[call-overload]
        # Nobody has these pages before they are written to.
        self._keys = mmap(-1, self._sets * WAYS * _KEY)
        self.numbers = memoryview(mmap(-1, self._sets * WAYS * size * calcsize(code))).cast("B").cast(code)  # type: ignore[call-overload]

    def find(self, key: bytes) -> int | None:
        """Where the record of a key begins among the numbers."""
        first = self._first(key)
        there = self._keys[first * _KEY : (first + WAYS) * _KEY].find(key)
        return None if there < 0 else (first + there // _KEY) * self._size

    def insert(self, key: bytes) -> int:
        """Where the new record of a key begins, in the place of the one that was changed longest ago; all 0."""
        first = self._first(key)
        oldest = min(range(first, first + WAYS), key=lambda place: self.numbers[place * self._size])
        self.clear(oldest * self._size)
        self._keys[oldest * _KEY : (oldest + 1) * _KEY] = key
        return oldest * self._size

    def clear(self, there: int) -> None:
        """Let a record be nobody's."""
        place = there // self._size
        self._keys[place * _KEY : (place + 1) * _KEY] = bytes(_KEY)
        self.numbers[there : there + self._size] = self._empty

    def _first(self, key: bytes) -> int:
        return int.from_bytes(key[:8]) % self._sets * WAYS


def _digest(key: str) -> bytes:
    return blake2b(key.encode(errors="surrogateescape"), digest_size=_KEY).digest()


class SharedMemoryWindowCounter:
    """`WindowCounter` in shared memory: a record is the minute it was changed in, the sum, and a ring of minutes."""

    _RING = MINUTES + 1
    _SUM, _FIRST = 1, 2

    def __init__(self, most: int) -> None:
        self._table = _SharedHashTable(most, self._FIRST + self._RING, "i")
        self._numbers = self._table.numbers

    def count(self, key: str, at: float) -> int:
        """How much was counted in the last hour."""
        there = self._table.find(_digest(key))
        return 0 if there is None else self._numbers[self._now(there, int(at / 60)) + self._SUM]

    def add(self, key: str, at: float, by: int = 1) -> None:
        """Count something; less than nothing takes back what was counted a moment ago."""
        there = self._of(key, at)
        self._numbers[there + self._FIRST + self._numbers[there] % self._RING] += by
        self._numbers[there + self._SUM] += by

    def take(self, key: str, at: float, most: int) -> int:
        """Count one more if there are less than `most`; how many there were."""
        there = self._of(key, at)
        total: int = self._numbers[there + self._SUM]
        if total < most:
            self._numbers[there + self._FIRST + self._numbers[there] % self._RING] += 1
            self._numbers[there + self._SUM] = total + 1
        return total

    def seconds_until_below(self, key: str, at: float) -> int:
        """In how many seconds the oldest minute in which something was counted is forgotten."""
        there = self._of(key, at)
        last, ring = self._numbers[there], there + self._FIRST
        counted = (
            minute for minute in range(last - MINUTES, last + 1) if self._numbers[ring + minute % self._RING] > 0
        )
        return ceil((next(counted, int(at / 60)) + MINUTES + 1) * 60 - at)

    def _of(self, key: str, at: float) -> int:
        digest = _digest(key)
        there = self._table.find(digest)
        if there is None:
            there = self._table.insert(digest)
            self._numbers[there] = int(at / 60)
        return self._now(there, int(at / 60))

    def _now(self, there: int, minute: int) -> int:
        """The same record, when it is up to this minute."""
        last = self._numbers[there]
        if last < minute:
            ring = there + self._FIRST
            for each in range(max(last + 1, minute - MINUTES), minute + 1):
                self._numbers[ring + each % self._RING] = 0
            self._numbers[there] = minute
            self._numbers[there + self._SUM] = sum(self._numbers[ring : ring + self._RING])
        return there


class SharedMemoryStampCounter:
    """`StampCounter` in shared memory."""

    def __init__(self, most: int) -> None:
        self._table = _SharedHashTable(most, 2, "d")
        self._numbers = self._table.numbers

    def get(self, key: str) -> tuple[int, float] | None:
        """The number and the moment."""
        there = self._table.find(_digest(key))
        return None if there is None else (int(self._numbers[there + 1]), self._numbers[there])

    def set(self, key: str, number: int, moment: float) -> None:
        """Keep a number and a moment."""
        digest = _digest(key)
        there = self._table.find(digest)
        if there is None:
            there = self._table.insert(digest)
        self._numbers[there], self._numbers[there + 1] = moment, number

    def delete(self, key: str) -> None:
        """Keep nothing."""
        there = self._table.find(_digest(key))
        if there is not None:
            self._table.clear(there)
