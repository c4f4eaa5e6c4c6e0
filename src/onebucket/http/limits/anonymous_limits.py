"""Hourly limits for what needs no account, such as sign-up and password resets: per network and in total."""

from collections.abc import Callable

from onebucket.domain.refusals import TooManyRequests
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.limits import counters
from onebucket.http.limits.client_network import network_of
from onebucket.http.limits.counters import RateLimitStore
from onebucket.surfaces.web.core.backend import Asked


class AnonymousLimits:
    """Counts anonymous actions; a limit of 0 means no limit.

    `now` is a monotonic clock in seconds. `refused` is the total since the start.
    """

    def __init__(self, site_limits: SiteLimits, now: Callable[[], float], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        # Per network, and in total.
        self._limits = {
            Asked.SIGN_UP: (site_limits.sign_ups_per_network, site_limits.sign_ups_per_hour),
            Asked.CONFIRMATION: (site_limits.confirmations_per_network, site_limits.confirmations_per_hour),
            Asked.RESET: (site_limits.resets_per_network, 0),
            Asked.PROVIDER: (site_limits.provider_sign_ins_per_network, 0),
            Asked.PROVIDER_RESPONSE: (site_limits.provider_sign_ins_per_network, 0),
        }
        self._now = now
        self._counter = counts.networks
        self._lock = counts.lock
        self.refused = 0

    def take(self, asked: Asked, address: str | None) -> None:
        """Count one action from a client address. Raises TooManyRequests at a limit, and then counts nothing."""
        per_network, in_total = self._limits[asked]
        limits = {f"{asked.value} from {network_of(address)}": per_network, f"{asked.value} in all": in_total}
        active_limits = {key: limit for key, limit in limits.items() if limit}
        with self._lock:
            at = self._now()
            waits = [
                self._counter.seconds_until_below(key, at)
                for key, limit in active_limits.items()
                if self._counter.count(key, at) >= limit
            ]
            if waits:
                self.refused += 1
                raise TooManyRequests(f"too many {asked.value} in an hour", retry_after=max(waits))
            for key in active_limits:
                self._counter.add(key, at)
