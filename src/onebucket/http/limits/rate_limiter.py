"""How much one user may ask in an hour.

Counted in the memory of whoever serves, one process or several; a restart begins anew, which costs whoever is at his
limit nothing and the server little.
"""

from collections.abc import Callable

from onebucket.domain.refusals import TooManyRequests
from onebucket.http.limits import counters
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.response import Headers

# Callers are told that they come near their limit when less than one part of so many is left, in Bitbucket's words.
NEAR_LIMIT_DIVISOR = 5


class RateLimiter:
    """Counts the calls of each user; `refused` counts those that were too many."""

    def __init__(self, per_hour: int, now: Callable[[], float], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        self.per_hour = per_hour
        self._now = now
        self._counter = counts.calls
        self._lock = counts.lock
        self.refused = 0
        self._near: Headers = ((b"x-ratelimit-limit", b"%d" % per_hour), (b"x-ratelimit-nearlimit", b"true"))

    def take(self, key: str) -> int:
        """Count a call, and tell how many are left. Raises TooManyRequests, and counts nothing, when there are none."""
        left = self.try_take(key)
        if left is not None:
            return left
        with self._lock:
            self.refused += 1
            wait = self._counter.seconds_until_below(key, self._now())
            raise TooManyRequests(
                f"more than {self.per_hour:,} calls in an hour", retry_after=wait, setting="rate_limit"
            )

    def near_limit_headers(self, left: int) -> Headers:
        """What an answer says of it, when so many calls are left."""
        return self._near if left * NEAR_LIMIT_DIVISOR < self.per_hour else ()

    def try_take(self, key: str) -> int | None:
        """Count a call, and tell how many are left; None, and nothing is counted, when there are none."""
        with self._lock:
            taken = self._counter.take(key, self._now(), self.per_hour)
        return self.per_hour - taken - 1 if taken < self.per_hour else None
