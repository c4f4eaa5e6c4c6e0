"""What is counted, in the memory of one process; `shared.py` has the same for several that serve together."""

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from onebucket.http.monitoring.shared_metrics import ProcessMetrics

# What is kept of a user is small; of so many that the longest silent are forgotten, each could begin anew.
MAX_USERS = 100_000

# As many addresses, logins and pairs of both are remembered, some megabytes in the worst case.
MAX_OTHERS = 10_000

MINUTES = 60


class WindowCounter(Protocol):
    """Counts by key over the last hour, to the minute; of too many keys the longest silent are forgotten.

    `at` is in seconds, from a clock that never goes back. A minute is forgotten when all of it is an hour ago: so in no
    span of an hour there is more than what was counted.
    """

    def count(self, key: str, at: float) -> int:
        """How much was counted in the last hour."""

    def add(self, key: str, at: float, by: int = 1) -> None:
        """Count something; less than nothing takes back what was counted a moment ago."""

    def take(self, key: str, at: float, most: int) -> int:
        """Count one more if there are less than `most`; how many there were."""

    def seconds_until_below(self, key: str, at: float) -> int:
        """In how many seconds the oldest minute in which something was counted is forgotten."""


class StampCounter(Protocol):
    """A number and a moment by key; of too many keys those are forgotten that were marked longest ago."""

    def get(self, key: str) -> tuple[int, float] | None:
        """The number and the moment."""

    def set(self, key: str, number: int, moment: float) -> None:
        """Keep a number and a moment."""

    def delete(self, key: str) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class RateLimitStore:
    """All that is counted: calls by user, what was wrong by network and login, what the journal was told by person.

    Whoever looks at something and changes it has `lock` meanwhile. `tally` is where several processes count what
    `/metrics` shows.
    """

    calls: WindowCounter
    networks: WindowCounter
    logins: WindowCounter
    pairs: StampCounter
    refused: StampCounter
    failed: StampCounter
    lock: AbstractContextManager[object]
    process_metrics: "ProcessMetrics | None" = None


def in_memory(users: int = MAX_USERS, others: int = MAX_OTHERS) -> RateLimitStore:
    """Counts in the memory of this process, of so many users, and of so many of everything else."""
    hours, marks = (
        (InMemoryWindowCounter(users), InMemoryWindowCounter(others), InMemoryWindowCounter(others)),
        (InMemoryStampCounter(others), InMemoryStampCounter(others), InMemoryStampCounter(others)),
    )
    # Reading and changing are answered in different threads.
    return RateLimitStore(*hours, *marks, threading.Lock())


class _Window:
    """What was counted in each minute of the last hour, the oldest first; and altogether, when it was `minute`."""

    __slots__ = ("minute", "minutes", "total")

    def __init__(self) -> None:
        self.minute = -1
        self.minutes: deque[list[int]] = deque()
        self.total = 0


class InMemoryWindowCounter:
    """`WindowCounter` in the memory of this process, of so many keys at most."""

    def __init__(self, most: int) -> None:
        self._max_keys = most
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def count(self, key: Hashable, at: float) -> int:
        """How much was counted in the last hour."""
        return self._now(key, int(at / 60)).total if key in self._windows else 0

    def add(self, key: Hashable, at: float, by: int = 1) -> None:
        """Count something; less than nothing takes back what was counted a moment ago."""
        hour = self._now(key, int(at / 60))
        hour.minutes[-1][1] += by
        hour.total += by

    def take(self, key: Hashable, at: float, most: int) -> int:
        """Count one more if there are less than `most`; how many there were."""
        hour = self._now(key, int(at / 60))
        total = hour.total
        if total < most:
            hour.minutes[-1][1] += 1
            hour.total = total + 1
        return total

    def seconds_until_below(self, key: Hashable, at: float) -> int:
        """In how many seconds the oldest minute in which something was counted is forgotten."""
        oldest = next((minute for minute, count in self._windows[key].minutes if count > 0), int(at / 60))
        return ceil((oldest + MINUTES + 1) * 60 - at)

    def _now(self, key: Hashable, minute: int) -> _Window:
        """The hour of a key, up to this minute."""
        hour = self._windows.get(key)
        # Most of what is counted comes in the same minute as what came before.
        if hour is not None and hour.minute >= minute:
            return hour

        if hour is None:
            hour = self._windows[key] = _Window()
            if len(self._windows) > self._max_keys:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        while hour.minutes and hour.minutes[0][0] < minute - MINUTES:
            hour.total -= hour.minutes.popleft()[1]
        hour.minute = minute
        hour.minutes.append([minute, 0])
        return hour


class InMemoryStampCounter:
    """`StampCounter` in the memory of this process, of so many keys at most."""

    def __init__(self, most: int) -> None:
        self._max_keys = most
        self._stamps: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._stamps)

    def get(self, key: str) -> tuple[int, float] | None:
        """The number and the moment."""
        return self._stamps.get(key)

    def set(self, key: str, number: int, moment: float) -> None:
        """Keep a number and a moment."""
        self._stamps[key] = number, moment
        self._stamps.move_to_end(key)
        if len(self._stamps) > self._max_keys:
            self._stamps.popitem(last=False)

    def delete(self, key: str) -> None:
        """Keep nothing."""
        self._stamps.pop(key, None)
