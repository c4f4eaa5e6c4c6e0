"""How much one user may ask in an hour.

Counted in the memory of whoever serves, one process or several; a restart begins anew, which costs whoever is at his
limit nothing and the server little.
"""

from collections.abc import Callable

from onebucket.domain.refusals import Overloaded
from onebucket.http import counting
from onebucket.http.answers import Headers
from onebucket.http.counting import Counts

# Callers are told that they come near their limit when less than one part of so many is left, in Bitbucket's words.
NEAR = 5


class Limits:
    """Counts the calls of each user; `refused` counts those that were too many."""

    def __init__(self, per_hour: int, now: Callable[[], float], counts: Counts | None = None) -> None:
        counts = counts or counting.own()
        self.per_hour = per_hour
        self._now = now
        self._calls = counts.calls
        self._lock = counts.lock
        self.refused = 0
        self._near: Headers = ((b"x-ratelimit-limit", b"%d" % per_hour), (b"x-ratelimit-nearlimit", b"true"))

    def take(self, key: str) -> int:
        """Count a call, and tell how many are left. Raises Overloaded, and counts nothing, when there are none."""
        left = self.try_to_take(key)
        if left is not None:
            return left
        with self._lock:
            self.refused += 1
            wait = self._calls.until_less(key, self._now())
            raise Overloaded(f"more than {self.per_hour:,} calls in an hour", retry_after=wait, setting="rate_limit")

    def near(self, left: int) -> Headers:
        """What an answer says of it, when so many calls are left."""
        return self._near if left * NEAR < self.per_hour else ()

    def try_to_take(self, key: str) -> int | None:
        """Count a call, and tell how many are left; None, and nothing is counted, when there are none."""
        with self._lock:
            taken = self._calls.take(key, self._now(), self.per_hour)
        return self.per_hour - taken - 1 if taken < self.per_hour else None
