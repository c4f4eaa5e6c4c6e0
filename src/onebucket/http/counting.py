"""What is counted, in the memory of one process; `shared.py` has the same for several that serve together."""

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from onebucket.http.tallies import Tally

# What is kept of a user is small; of so many that the longest silent are forgotten, each could begin anew.
MOST_USERS = 100_000

# As many addresses, logins and pairs of both are remembered, some megabytes in the worst case.
MOST_OTHERS = 10_000

MINUTES = 60


class Hours(Protocol):
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

    def until_less(self, key: str, at: float) -> int:
        """In how many seconds the oldest minute in which something was counted is forgotten."""


class Marks(Protocol):
    """A number and a moment by key; of too many keys those are forgotten that were marked longest ago."""

    def of(self, key: str) -> tuple[int, float] | None:
        """The number and the moment."""

    def mark(self, key: str, number: int, moment: float) -> None:
        """Keep a number and a moment."""

    def forget(self, key: str) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Counts:
    """All that is counted: calls by user, what was wrong by network and login, what the journal was told by person.

    Whoever looks at something and changes it has `lock` meanwhile. `tally` is where several processes count what
    `/metrics` shows.
    """

    calls: Hours
    networks: Hours
    logins: Hours
    pairs: Marks
    refused: Marks
    failed: Marks
    lock: AbstractContextManager[object]
    tally: "Tally | None" = None


def own(users: int = MOST_USERS, others: int = MOST_OTHERS) -> Counts:
    """Counts in the memory of this process, of so many users, and of so many of everything else."""
    hours, marks = (Rolling(users), Rolling(others), Rolling(others)), (Marked(others), Marked(others), Marked(others))
    # Reading and changing are answered in different threads.
    return Counts(*hours, *marks, threading.Lock())


class _Hour:
    """What was counted in each minute of the last hour, the oldest first; and altogether, when it was `minute`."""

    __slots__ = ("minute", "minutes", "total")

    def __init__(self) -> None:
        self.minute = -1
        self.minutes: deque[list[int]] = deque()
        self.total = 0


class Rolling:
    """`Hours` in the memory of this process, of so many keys at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hours: OrderedDict[Hashable, _Hour] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hours)

    def count(self, key: Hashable, at: float) -> int:
        """How much was counted in the last hour."""
        return self._now(key, int(at / 60)).total if key in self._hours else 0

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

    def until_less(self, key: Hashable, at: float) -> int:
        """In how many seconds the oldest minute in which something was counted is forgotten."""
        oldest = next((minute for minute, count in self._hours[key].minutes if count > 0), int(at / 60))
        return ceil((oldest + MINUTES + 1) * 60 - at)

    def _now(self, key: Hashable, minute: int) -> _Hour:
        """The hour of a key, up to this minute."""
        hour = self._hours.get(key)
        # Most of what is counted comes in the same minute as what came before.
        if hour is not None and hour.minute >= minute:
            return hour

        if hour is None:
            hour = self._hours[key] = _Hour()
            if len(self._hours) > self._most:
                self._hours.popitem(last=False)
        self._hours.move_to_end(key)
        while hour.minutes and hour.minutes[0][0] < minute - MINUTES:
            hour.total -= hour.minutes.popleft()[1]
        hour.minute = minute
        hour.minutes.append([minute, 0])
        return hour


class Marked:
    """`Marks` in the memory of this process, of so many keys at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, key: str) -> tuple[int, float] | None:
        """The number and the moment."""
        return self._kept.get(key)

    def mark(self, key: str, number: int, moment: float) -> None:
        """Keep a number and a moment."""
        self._kept[key] = number, moment
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self, key: str) -> None:
        """Keep nothing."""
        self._kept.pop(key, None)
