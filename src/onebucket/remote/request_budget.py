"""A limit on the requests an hour that we send to another host."""

from collections import deque
from collections.abc import Callable

HOUR_SECONDS = 3600.0


class RequestBudget:
    """Counts requests in a sliding hour; `limit` is the most of them, None for no limit. `now` is in seconds."""

    def __init__(self, limit: int | None, now: Callable[[], float]) -> None:
        self._limit = limit
        self._now = now
        self._taken: deque[float] = deque()

    def wait_seconds(self) -> float:
        """Return how long to wait until the next request is within the limit; 0 when it is now."""
        if self._limit is None:
            return 0.0
        now = self._now()
        while self._taken and now - self._taken[0] >= HOUR_SECONDS:
            self._taken.popleft()
        return 0.0 if len(self._taken) < self._limit else self._taken[0] + HOUR_SECONDS - now

    def take(self) -> None:
        """Count one request."""
        if self._limit is not None:
            self._taken.append(self._now())
