"""How much one user may ask in an hour.

Counted in the memory of whoever serves, one process or several; a restart begins anew, which costs whoever is at his
limit nothing and the server little.
"""

from collections.abc import Callable

from onebucket.domain.refusals import Overloaded
from onebucket.http import counting
from onebucket.http.counting import Counts


class Limits:
    """Counts the calls of each user; `refused` counts those that were too many."""

    def __init__(self, per_hour: int, now: Callable[[], float], counts: Counts | None = None) -> None:
        counts = counts or counting.own()
        self.per_hour = per_hour
        self._now = now
        self._calls = counts.calls
        self._lock = counts.lock
        self.refused = 0

    def take(self, key: str) -> int:
        """Count a call, and tell how many are left. Raises Overloaded, and counts nothing, when there are none."""
        with self._lock:
            at = self._now()
            taken = self._calls.take(key, at, self.per_hour)
            if taken < self.per_hour:
                return self.per_hour - taken - 1
            self.refused += 1
            raise Overloaded("so many calls in an hour", retry_after=self._calls.until_less(key, at))
