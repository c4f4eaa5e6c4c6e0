"""Access that ends: what a database does about ends that are due before anything else is read or changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from onebucket.domain.ends import EndKind, earlier
from onebucket.store.engine import timestamps

# The tables with a column `ends_at`.
TABLES = (*(kind.value for kind in EndKind), "invitations")
# Access reviews are due at a moment, too.
_COLUMNS = {**dict.fromkeys(TABLES, "ends_at"), "access_reviews": "acts_at"}
_EACH = [
    f"SELECT min({column}) AS ends_at FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
    for table, column in _COLUMNS.items()
]
# The next end in the whole database, in the tables' numbers; NULL if nothing ends.
NEXT_END = f"SELECT min(ends_at) FROM ({' UNION ALL '.join(_EACH)}) AS ends"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Ends:
    """What time it is, and how the ends that are due at a moment are applied in a write transaction.

    `now` is a monotonic clock in seconds, which no test moves.
    """

    clock: Callable[[], datetime]
    now: Callable[[], float]
    apply: Callable[[Any, datetime], None]

    def are_due(self, next_end: int | None) -> bool:
        """Return whether the clock has reached the next end of a database."""
        return next_end is not None and next_end <= timestamps.to_number(self.clock())


class KnownEnd:
    """The next end as this process knows it, when another process may have given an earlier one since.

    `asked_at` is the monotonic second at which the database was asked. What this process gives itself is known at once.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._lock = threading.Lock()
        self._noted: int | None = None
        self._noted_at = 0.0
        self._answered: int | None = None
        self.asked_at: float | None = None

    @property
    def value(self) -> int | None:
        """The next end; it may be earlier than the database's, never later than when it was asked."""
        return earlier(self._answered, self._noted)

    def age(self) -> float:
        """Return how many seconds ago the database was asked; infinite if it never was."""
        return float("inf") if self.asked_at is None else self.now() - self.asked_at

    def learn(self, value: int | None, *, asked_at: float) -> None:
        """Take an answer of the database, unless a later one is known."""
        with self._lock:
            if self.asked_at is not None and asked_at < self.asked_at:
                return
            self._answered, self.asked_at = value, asked_at
            if self._noted_at < asked_at:
                self._noted = None

    def note(self, value: int | None) -> None:
        """Remember an end that this process has committed."""
        if value is not None:
            with self._lock:
                self._noted, self._noted_at = earlier(self._noted, value), self.now()
