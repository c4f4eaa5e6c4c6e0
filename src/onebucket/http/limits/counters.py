"""Counters of one process, in memory; `shared_counters.py` has the same for several workers."""

import threading
from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from math import ceil
from typing import Protocol

from onebucket.lru_cache import LruCache

# A counter is small. When there are more users than this, the least recent ones are dropped and start again at zero.
MAX_USERS = 100_000

# The same limit for networks, logins and pairs of both: a few megabytes at worst.
MAX_OTHERS = 10_000

MINUTES = 60


class WindowCounter(Protocol):
    """Counts by key over the last hour, in buckets of a minute; drops the least recent keys when there are too many.

    `at` is in seconds of a monotonic clock. A minute leaves the window when all of it is more than an hour ago, so no
    span of an hour holds more than `most`.
    """

    def count(self, key: str, at: float) -> int:
        """Return the count of the last hour."""

    def add(self, key: str, at: float, by: int = 1) -> None:
        """Add to the current minute; a negative `by` takes back what was just added."""

    def take(self, key: str, at: float, most: int) -> int:
        """Add one if the count is below `most`; return the count before."""

    def seconds_until_below(self, key: str, at: float) -> int:
        """Return the seconds until the oldest counted minute leaves the window."""


class StampCounter(Protocol):
    """A number and a time by key; drops the keys set longest ago when there are too many."""

    def get(self, key: str) -> tuple[int, float] | None:
        """Return the number and its time; None for an unknown key."""

    def set(self, key: str, number: int, moment: float) -> None:
        """Store a number and its time."""

    def delete(self, key: str) -> None:
        """Remove a key."""


@dataclass(frozen=True, slots=True)
class RateLimitStore:
    """All counters of a server, and the lock for reading and then changing one.

    `calls` are API calls by user. `networks` and `logins` count wrong credentials; `pairs` holds what the login
    throttle knows of a network and login together. `refused` and `failed` limit what the audit log records of refused
    changes and failed sign-ins.
    """

    calls: WindowCounter
    networks: WindowCounter
    logins: WindowCounter
    pairs: StampCounter
    refused: StampCounter
    failed: StampCounter
    lock: AbstractContextManager[object]


def clear(store: RateLimitStore) -> None:
    """Set every counter of a store made by `in_memory` to zero."""
    for field in fields(store):
        counter = getattr(store, field.name)
        if isinstance(counter, InMemoryWindowCounter | InMemoryStampCounter):
            counter.clear()


def in_memory(users: int = MAX_USERS, others: int = MAX_OTHERS) -> RateLimitStore:
    """Make counters for one process; `users` and `others` are the maximum number of keys."""
    windows, stamps = (
        (InMemoryWindowCounter(users), InMemoryWindowCounter(others), InMemoryWindowCounter(others)),
        (InMemoryStampCounter(others), InMemoryStampCounter(others), InMemoryStampCounter(others)),
    )
    # Reads and changes are answered in different threads.
    return RateLimitStore(*windows, *stamps, threading.Lock())


class _Window:
    """The counts of each minute of the last hour, oldest first, and their total as of `minute`."""

    __slots__ = ("minute", "minutes", "total")

    def __init__(self) -> None:
        self.minute = -1
        self.minutes: deque[list[int]] = deque()
        self.total = 0


class InMemoryWindowCounter(WindowCounter):
    """`WindowCounter` in the memory of this process; keeps `most` keys at most."""

    def __init__(self, most: int) -> None:
        self._windows: LruCache[str, _Window] = LruCache(most)

    def __len__(self) -> int:
        return len(self._windows)

    def clear(self) -> None:
        """Remove every key."""
        self._windows.clear()

    def count(self, key: str, at: float) -> int:
        return self._advance(key, int(at / 60)).total if key in self._windows else 0

    def add(self, key: str, at: float, by: int = 1) -> None:
        window = self._advance(key, int(at / 60))
        window.minutes[-1][1] += by
        window.total += by

    def take(self, key: str, at: float, most: int) -> int:
        window = self._advance(key, int(at / 60))
        total = window.total
        if total < most:
            window.minutes[-1][1] += 1
            window.total = total + 1
        return total

    def seconds_until_below(self, key: str, at: float) -> int:
        window = self._windows.get(key)
        minutes = window.minutes if window is not None else ()
        oldest = next((minute for minute, count in minutes if count > 0), int(at / 60))
        return ceil((oldest + MINUTES + 1) * 60 - at)

    def _advance(self, key: str, minute: int) -> _Window:
        """Return the window of a key, advanced to `minute`."""
        window = self._windows.get(key)
        # Usually the last count was in the same minute.
        if window is not None and window.minute >= minute:
            return window

        if window is None:
            window = self._windows[key] = _Window()
        while window.minutes and window.minutes[0][0] < minute - MINUTES:
            window.total -= window.minutes.popleft()[1]
        window.minute = minute
        window.minutes.append([minute, 0])
        return window


class InMemoryStampCounter(StampCounter):
    """`StampCounter` in the memory of this process; keeps `most` keys at most."""

    def __init__(self, most: int) -> None:
        self._stamps: LruCache[str, tuple[int, float]] = LruCache(most)

    def __len__(self) -> int:
        return len(self._stamps)

    def clear(self) -> None:
        """Remove every key."""
        self._stamps.clear()

    def get(self, key: str) -> tuple[int, float] | None:
        return self._stamps.get(key)

    def set(self, key: str, number: int, moment: float) -> None:
        self._stamps[key] = number, moment

    def delete(self, key: str) -> None:
        self._stamps.delete(key)
