"""How much one user may ask in an hour.

Counted in this process, which is the only one that serves an SQLite database; a restart begins anew, which costs
whoever is at his limit nothing and the server little. Several processes would have to share what is behind `take`.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from math import ceil

from onebucket.domain.refusals import Overloaded

# What is kept of a user is small; of so many that the longest silent are forgotten, each could begin anew.
MOST_COUNTED = 100_000

_MINUTES = 60


class _Hour:
    """What was counted in each minute of the last hour, the oldest first; and altogether, when it was `minute`."""

    __slots__ = ("minute", "minutes", "total")

    def __init__(self) -> None:
        self.minute = -1
        self.minutes: deque[list[int]] = deque()
        self.total = 0


class Rolling:
    """Counts by key over the last hour, to the minute; at most so many keys, of which the longest silent are forgotten.

    `at` is in seconds, from a clock that never goes back. A minute is forgotten when all of it is an hour ago: so in no
    span of an hour there is more than what was counted.
    """

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
        return ceil((oldest + _MINUTES + 1) * 60 - at)

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
        while hour.minutes and hour.minutes[0][0] < minute - _MINUTES:
            hour.total -= hour.minutes.popleft()[1]
        hour.minute = minute
        hour.minutes.append([minute, 0])
        return hour


class Limits:
    """Counts the calls of each user; `refused` counts those that were too many."""

    def __init__(self, per_hour: int, now: Callable[[], float], most: int = MOST_COUNTED) -> None:
        self.per_hour = per_hour
        self._now = now
        self._calls = Rolling(most)
        # Reading and changing are answered in different threads.
        self._lock = threading.Lock()
        self.refused = 0

    def take(self, key: str) -> int:
        """Count a call, and tell how many are left. Raises Overloaded, and counts nothing, when there are none."""
        at = self._now()
        with self._lock:
            taken = self._calls.take(key, at, self.per_hour)
            if taken < self.per_hour:
                return self.per_hour - taken - 1
            self.refused += 1
            raise Overloaded("so many calls in an hour", retry_after=self._calls.until_less(key, at))
