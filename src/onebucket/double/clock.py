"""A clock that tests set, advance and freeze."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)[a-z]*\s*", re.IGNORECASE)


class SteerableClock:
    """The time of the whole server: `now` for moments, `monotonic` for rate limits and waits.

    It runs ahead of the real one by what it was advanced, and stands still while it is frozen. It never goes back,
    except by `reset`.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._real_monotonic = monotonic
        self._started = datetime.now(UTC)
        self._origin = monotonic()
        self.reset()

    def reset(self) -> None:
        """Show the real time again, running."""
        self._ahead = 0.0
        self._frozen_at: float | None = None

    @property
    def is_steered(self) -> bool:
        """Whether it shows another time than the real one."""
        return self._ahead != 0 or self._frozen_at is not None

    @property
    def is_frozen(self) -> bool:
        """Whether the time doesn't advance."""
        return self._frozen_at is not None

    def monotonic(self) -> float:
        """Return seconds that only grow between resets."""
        return (self._real_monotonic() if self._frozen_at is None else self._frozen_at) + self._ahead

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return self._started + timedelta(seconds=self.monotonic() - self._origin)

    def advance(self, span: timedelta) -> None:
        """Go ahead. Raises ValueError for a negative span."""
        if span < timedelta():
            raise ValueError("the clock can't go back, except by a reset of the double")
        self._ahead += span.total_seconds()

    def set(self, moment: datetime) -> None:
        """Go to a moment. Raises ValueError if it has passed."""
        self.advance(moment - self.now())

    def freeze(self, frozen: bool) -> None:
        """Stand still from now on, or run again."""
        if frozen and self._frozen_at is None:
            self._frozen_at = self._real_monotonic()
        elif not frozen and self._frozen_at is not None:
            self._ahead += self._frozen_at - self._real_monotonic()
            self._frozen_at = None


def parse_span(text: str) -> timedelta:
    """Parse a span such as `8 days`, `1h 30m` or `90s`. Raises ValueError.

    >>> parse_span("1 day 2h"), parse_span("0.5s")
    (datetime.timedelta(days=1, seconds=7200), datetime.timedelta(microseconds=500000))
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text.strip()):
        raise ValueError(f"{text!r} is not a time span like `8 days`, `1h 30m` or `90s`")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit.lower()] for number, unit in parts))
    except OverflowError:
        raise ValueError(f"{text!r} is too long a time span") from None
