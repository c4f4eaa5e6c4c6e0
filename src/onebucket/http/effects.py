"""What happens once with every response of a surface, whether it was computed or came from the cache."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from onebucket.domain.accounts import Actor
from onebucket.http.auth.last_used import LastUsedRecorder
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring.access_log import AccessLog, LogLine
from onebucket.http.request import REQUEST_ID_HEADER
from onebucket.http.response import Headers


@dataclass(slots=True, eq=False)
class Exchange:
    """A request and its response, as far as the effects need to know them; they append to `headers`.

    `started` is a moment of `time.perf_counter`. `calls_left` is what is left of the actor's hourly limit, None when
    the request isn't counted.
    """

    id: str
    at: datetime
    started: float
    address: str | None
    actor: Actor | None
    calls_left: int | None
    log_line: LogLine
    headers: Headers


class ResponseEffects:
    """Runs the effects in the order of `effects`.

    A new one goes into that list and nowhere else. What needs a response of its own can't be one: the rate limit is
    charged before, and a failed sign-in is recorded after a 401, which is never cached.
    """

    def __init__(self, access_log: AccessLog, last_used: LastUsedRecorder, rate_limiter: RateLimiter | None) -> None:
        self._access_log = access_log
        self._last_used = last_used
        self._rate_limiter = rate_limiter
        self.effects: tuple[Callable[[Exchange], None], ...] = (
            self.record_in_access_log,
            self.record_last_use,
            self.add_request_id,
            self.add_rate_limit_headers,
        )

    def run(self, exchange: Exchange) -> None:
        """Run every effect, before the response is sent."""
        for effect in self.effects:
            effect(exchange)

    def record_in_access_log(self, exchange: Exchange) -> None:
        """Count the response, and log it."""
        seconds = time.perf_counter() - exchange.started
        self._access_log.record(exchange.log_line, exchange.id, exchange.address, seconds)

    def record_last_use(self, exchange: Exchange) -> None:
        """Note the use of an app password."""
        if exchange.actor is not None:
            self._last_used.record(exchange.actor, exchange.at, exchange.address)

    def add_request_id(self, exchange: Exchange) -> None:
        """Add X-Request-Id."""
        exchange.headers = (*exchange.headers, (REQUEST_ID_HEADER, exchange.id.encode()))

    def add_rate_limit_headers(self, exchange: Exchange) -> None:
        """Say that few calls are left, when that is so."""
        if exchange.calls_left is not None and self._rate_limiter is not None:
            exchange.headers = (*exchange.headers, *self._rate_limiter.near_limit_headers(exchange.calls_left))
