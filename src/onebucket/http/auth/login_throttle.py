"""Throttle password guessing: count wrong credentials by client network and by login.

A login is counted by its spelling, whether or not the account exists. An attacker can delay password checks only for
clients in the attacker's own network. Valid app passwords are looked up before the throttle and are never delayed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil

from onebucket.domain import accounts
from onebucket.domain.refusals import Refusal, TooManyRequests
from onebucket.http.limits import counters
from onebucket.http.limits.client_network import network_of
from onebucket.http.limits.counters import RateLimitStore

# After this many wrong passwords for one login from one network, each further one doubles the delay: 1 s, 2 s, 4 s and
# so on, up to `MAX_DELAY` (15 minutes).
FREE_ATTEMPTS = 5
MAX_DELAY = 900.0

# A login with this many wrong passwords in an hour, from all networks, is under attack. Then a network waits a minute
# after its first wrong password, two after its second, four after its third. A network without one doesn't wait.
ATTACKED_AFTER = 100
DELAY_UNDER_ATTACK = 60.0

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A password check in progress; it counts as wrong until `record_success` or `cancel`.

    `network` is from `network_of`, `login` a hash, `at` in seconds by the throttle's clock.
    """

    network: str
    login: str
    at: float

    @property
    def pair(self) -> str:
        """The key of one login from one network."""
        return f"{self.login} {self.network}"


class LoginThrottle:
    """Count wrong credentials, and delay clients that send too many: at most `per_address` an hour from one network.

    `now` is a monotonic clock in seconds. `wrong` and `refused` are totals since the start.
    """

    def __init__(self, per_address: int, now: Callable[[], float], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        self._per_address = per_address
        self._now = now
        self._networks = counts.networks
        self._logins = counts.logins
        # For each pair: the number of wrong passwords, and the time of the last one.
        self._pairs = counts.pairs
        self._lock = counts.lock
        self.wrong = 0
        self.refused = 0

    def begin(self, login: str, address: str | None) -> LoginAttempt:
        """Count an attempt as wrong before its password is checked. Raises TooManyRequests when there were too many."""
        with self._lock:
            attempt = LoginAttempt(network_of(address), _digest(login), self._now())
            wait = max(self._network_delay(attempt.network, attempt.at), self._pair_delay(attempt))
            if wait > 0:
                self.refused += 1
                raise TooManyRequests("too many wrong passwords", retry_after=ceil(wait))

            self._networks.add(attempt.network, attempt.at)
            self._logins.add(attempt.login, attempt.at)
            count, _ = self._pairs.get(attempt.pair) or (0, 0)
            self._pairs.set(attempt.pair, count + 1, attempt.at)
            self.wrong += 1
            return attempt

    def record_success(self, attempt: LoginAttempt) -> None:
        """Uncount an attempt with the right password, and reset the login's delay in that network."""
        with self._lock:
            self._uncount(attempt)
            self._pairs.delete(attempt.pair)

    def cancel(self, attempt: LoginAttempt) -> None:
        """Uncount an attempt that could not be checked: no hashing capacity, or no database."""
        with self._lock:
            self._uncount(attempt)
            count, last = self._pairs.get(attempt.pair) or (0, 0)
            if count > 0:
                self._pairs.set(attempt.pair, count - 1, last)

    def record_invalid_token(self, address: str | None) -> None:
        """Count an unknown Bearer token. Raises TooManyRequests when there were too many from that network."""
        with self._lock:
            at, network = self._now(), network_of(address)
            wait = self._network_delay(network, at)
            if wait > 0:
                self.refused += 1
                raise TooManyRequests("too many wrong tokens", retry_after=ceil(wait))
            self._networks.add(network, at)
            self.wrong += 1

    def _uncount(self, attempt: LoginAttempt) -> None:
        self._networks.add(attempt.network, attempt.at, -1)
        self._logins.add(attempt.login, attempt.at, -1)
        self.wrong -= 1

    def _network_delay(self, network: str, at: float) -> float:
        if self._networks.count(network, at) < self._per_address:
            return 0
        return self._networks.seconds_until_below(network, at)

    def _pair_delay(self, attempt: LoginAttempt) -> float:
        count, last = self._pairs.get(attempt.pair) or (0, 0)
        if count <= 0:
            return 0
        if attempt.at - last > _HOUR:
            self._pairs.delete(attempt.pair)
            return 0
        under_attack = self._logins.count(attempt.login, attempt.at) >= ATTACKED_AFTER
        return last + _backoff(count, under_attack=under_attack) - attempt.at


def _backoff(count: int, *, under_attack: bool) -> float:
    """The delay in seconds after the last of `count` wrong passwords of a pair."""
    if under_attack:
        return min(DELAY_UNDER_ATTACK * 2.0 ** min(count - 1, 16), MAX_DELAY)
    return min(2.0 ** min(count - FREE_ATTEMPTS, 16), MAX_DELAY) if count >= FREE_ATTEMPTS else 0


def _digest(login: str) -> str:
    """A fixed-length hash of a login's normal form."""
    try:
        key = accounts.email_key(login) if "@" in login else accounts.username_key(login)
    except Refusal:
        key = login.lower()
    return blake2b(key.encode(), digest_size=16).hexdigest()
