"""The hourly rate limit of API calls per user.

The counters are in memory, shared by all workers. A restart resets them: users lose nothing, and the server can afford
it.
"""

from collections.abc import Callable

from onebucket.domain.refusals import TooManyRequests
from onebucket.http.limits import counters
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.response import Headers

# `X-RateLimit-NearLimit` is sent when less than 1/5 of the quota is left, as Bitbucket does.
NEAR_LIMIT_DIVISOR = 5


class RateLimiter:
    """Counts calls per user; `refused` is the number of calls over a limit. `now` is a monotonic clock in seconds."""

    def __init__(self, per_hour: int, now: Callable[[], float], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        self.per_hour = per_hour
        self._now = now
        self._counter = counts.calls
        self._lock = counts.lock
        self.refused = 0
        self._near_limit: Headers = ((b"x-ratelimit-limit", b"%d" % per_hour), (b"x-ratelimit-nearlimit", b"true"))

    def take(self, key: str) -> int:
        """Count a call and return how many are left. Raises TooManyRequests, and counts nothing, at the limit."""
        left = self.try_take(key)
        if left is not None:
            return left
        with self._lock:
            self.refused += 1
            retry_after = self._counter.seconds_until_below(key, self._now())
            raise TooManyRequests(
                f"more than {self.per_hour:,} calls in an hour", retry_after=retry_after, setting="rate_limit"
            )

    def near_limit_headers(self, left: int) -> Headers:
        """Return the rate-limit headers of a response when few calls are left, otherwise none."""
        return self._near_limit if left * NEAR_LIMIT_DIVISOR < self.per_hour else ()

    def try_take(self, key: str) -> int | None:
        """Count a call and return how many are left; None, and nothing is counted, at the limit."""
        with self._lock:
            used = self._counter.take(key, self._now(), self.per_hour)
        return self.per_hour - used - 1 if used < self.per_hour else None
