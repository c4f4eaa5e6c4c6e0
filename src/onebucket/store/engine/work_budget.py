"""The work budget of a read that runs on the event loop: above it, the read is repeated in a thread."""

# Rows to read, or other work that takes as long: 1–2 ms. Making a response of them takes about as long again.
MAX_ROWS = 300

# SQLite calls its progress handler after this many steps, which take a fraction of a millisecond, and is stopped after
# this many calls.
STEPS_BETWEEN_CHECKS = 2000
MAX_CHECKS = 30


class BudgetExceeded(Exception):
    """The read takes too long for the event loop; repeat it in a thread."""


class WorkBudget:
    """The rows and SQLite steps that a read may still take."""

    __slots__ = ("_checks_left", "_rows_left")

    def __init__(self) -> None:
        self._rows_left = MAX_ROWS
        self._checks_left = MAX_CHECKS

    def spend(self, rows: int) -> None:
        """Charge that many rows, or work that takes as long. Raises BudgetExceeded."""
        self._rows_left -= rows
        if self._rows_left < 0:
            raise BudgetExceeded

    def check(self) -> bool:
        """Return True if SQLite must stop, because it has taken too many steps. This is its progress handler."""
        self._checks_left -= 1
        return self._checks_left < 0
