"""How much may be asked for in an hour by people whom nobody has to know: by network, and by all together."""

from collections.abc import Callable

from onebucket.domain.refusals import Overloaded
from onebucket.domain.terms import Terms
from onebucket.http import counting
from onebucket.http.counting import Counts
from onebucket.http.guesses import network
from onebucket.surfaces.web.desk import Asked


class Strangers:
    """Counts what is asked for. A limit of 0 is none.

    `now` is in seconds, from a clock that never goes back.
    """

    def __init__(self, terms: Terms, now: Callable[[], float], counts: Counts | None = None) -> None:
        counts = counts or counting.own()
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
        """Count one more, asked for from that network address. Raises Overloaded, and counts nothing, at a limit."""
        per_network, in_all = self._limits[asked]
        limits = {f"{asked.value} from {network(address)}": per_network, f"{asked.value} in all": in_all}
        kept = {key: limit for key, limit in limits.items() if limit}
        with self._lock:
            at = self._now()
            waits = [
                self._hours.until_less(key, at) for key, limit in kept.items() if self._hours.count(key, at) >= limit
            ]
            if waits:
                raise Overloaded(f"so many {asked.value} in an hour", retry_after=max(waits))
            for key in kept:
                self._hours.add(key, at)
