"""How often credentials were wrong, so that nobody guesses for long: by address, and by login.

Who is asked for has no say in it: a login is counted by its spelling, be there such a person or not. Somebody who
guesses can keep others from nothing but password checks in his own network; app passwords that are right are found
before any of this is looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from math import ceil

from onebucket.domain import accounts
from onebucket.domain.refusals import Refusal, TooManyRequests
from onebucket.http.limits import counters
from onebucket.http.limits.counters import RateLimitStore

# From one network a login is wrong so often before it has to wait: a second, two, four, up to a quarter of an hour.
FREE_ATTEMPTS = 5
MAX_DELAY = 900.0

# When a login is wrong so often in an hour, from wherever, each network where it was wrong waits a minute after its
# first mistake, two after its second and so on. Whoever makes none doesn't notice.
ATTACKED_AFTER = 100
DELAY_UNDER_ATTACK = 60.0

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A password that is being checked; wrong until it is known to be right."""

    network: str
    login: str
    at: float

    @property
    def pair(self) -> str:
        """One login from one network."""
        return f"{self.login} {self.network}"


class LoginThrottle:
    """Counts what was wrong, `per_address` an hour at most; `wrong` and `refused` count all there was.

    `now` is in seconds, from a clock that never goes back.
    """

    def __init__(self, per_address: int, now: Callable[[], float], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        self._per_address = per_address
        self._now = now
        self._networks = counts.networks
        self._logins = counts.logins
        # How often each was wrong, and when last.
        self._pairs = counts.pairs
        self._lock = counts.lock
        self.wrong = 0
        self.refused = 0

    def begin(self, login: str, address: str | None) -> LoginAttempt:
        """Before a password is checked: count it as wrong. Raises TooManyRequests when that was too often."""
        with self._lock:
            attempt = LoginAttempt(network_of(address), _digest(login), self._now())
            wait = max(self._network_delay(attempt.network, attempt.at), self._pair_delay(attempt))
            if wait > 0:
                self.refused += 1
                raise TooManyRequests("so many wrong passwords", retry_after=ceil(wait))

            self._networks.add(attempt.network, attempt.at)
            self._logins.add(attempt.login, attempt.at)
            count, _ = self._pairs.get(attempt.pair) or (0, 0)
            self._pairs.set(attempt.pair, count + 1, attempt.at)
            self.wrong += 1
            return attempt

    def record_success(self, attempt: LoginAttempt) -> None:
        """It was not wrong, and what was wrong before with that login in that network is forgiven."""
        with self._lock:
            self._uncount(attempt)
            self._pairs.delete(attempt.pair)

    def cancel(self, attempt: LoginAttempt) -> None:
        """There was no room to check it, or nothing to check it with."""
        with self._lock:
            self._uncount(attempt)
            count, last = self._pairs.get(attempt.pair) or (0, 0)
            if count > 0:
                self._pairs.set(attempt.pair, count - 1, last)

    def record_invalid_token(self, address: str | None) -> None:
        """Count a Bearer token that nobody has. Raises TooManyRequests when that was too often."""
        with self._lock:
            at, place = self._now(), network_of(address)
            wait = self._network_delay(place, at)
            if wait > 0:
                self.refused += 1
                raise TooManyRequests("so many wrong tokens", retry_after=ceil(wait))
            self._networks.add(place, at)
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
        besieged = self._logins.count(attempt.login, attempt.at) >= ATTACKED_AFTER
        return last + _backoff(count, besieged=besieged) - attempt.at


def _backoff(count: int, *, besieged: bool) -> float:
    """How long after its last mistake a pair waits, in seconds."""
    if besieged:
        return min(DELAY_UNDER_ATTACK * 2.0 ** min(count - 1, 16), MAX_DELAY)
    return min(2.0 ** min(count - FREE_ATTEMPTS, 16), MAX_DELAY) if count >= FREE_ATTEMPTS else 0


def network_of(address: str | None) -> str:
    """What counts as one place: an IPv4 address, or the /64 that one household or server has of IPv6.

    >>> network_of("192.0.2.7"), network_of("2001:db8:1:2:3:4:5:6")
    ('192.0.2.7', '2001:db8:1:2::')
    """
    if address is None or ":" not in address:
        return address or ""
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(IPv6Address(int(read) >> 64 << 64))


def _digest(login: str) -> str:
    """A login, however long, in the form in which two spellings are the same."""
    try:
        key = accounts.email_key(login) if "@" in login else accounts.username_key(login)
    except Refusal:
        key = login.lower()
    return blake2b(key.encode(), digest_size=16).hexdigest()
