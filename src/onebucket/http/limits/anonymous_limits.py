"""How much may be asked for in an hour by people whom nobody has to know: by network, and by all together."""

from collections.abc import Callable

from onebucket.domain.refusals import TooManyRequests
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.auth.login_throttle import network_of
from onebucket.http.limits import counters
from onebucket.http.limits.counters import RateLimitStore
from onebucket.surfaces.web.core.backend import Asked


class AnonymousLimits:
    """Counts what is asked for. A limit of 0 is none.

    `now` is in seconds, from a clock that never goes back.
    """

    def __init__(self, terms: SiteLimits, now: Callable[[], float], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        # By network, and in all.
        self._limits = {
            Asked.SIGN_UP: (terms.sign_ups_per_network, terms.sign_ups_per_hour),
            Asked.CONFIRMATION: (terms.confirmations_per_network, terms.confirmations_per_hour),
            Asked.RESET: (terms.resets_per_network, 0),
        }
        self._now = now
        self._hours = counts.networks
        self._lock = counts.lock

    def take(self, asked: Asked, address: str | None) -> None:
        """Count one more from that network address. Raises TooManyRequests at a limit, and counts nothing then."""
        per_network, in_all = self._limits[asked]
        limits = {f"{asked.value} from {network_of(address)}": per_network, f"{asked.value} in all": in_all}
        kept = {key: limit for key, limit in limits.items() if limit}
        with self._lock:
            at = self._now()
            waits = [
                self._hours.seconds_until_below(key, at)
                for key, limit in kept.items()
                if self._hours.count(key, at) >= limit
            ]
            if waits:
                raise TooManyRequests(f"so many {asked.value} in an hour", retry_after=max(waits))
            for key in kept:
                self._hours.add(key, at)
