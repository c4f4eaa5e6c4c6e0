"""What a question may take while everybody else waits for it: above that it is asked again where nobody does."""

# In rows read, or as much of anything else: a millisecond or two. What is made of them takes about as long again.
MAX_ROWS = 300

# SQLite looks up from its work after so many of its steps, which take a fraction of a millisecond; so many times it
# goes on.
STEPS_BETWEEN_CHECKS = 2000
MAX_CHECKS = 30


class BudgetExceeded(Exception):
    """The question takes longer than a moment: it is to be asked again in a thread."""


class WorkBudget:
    """What is left of a moment."""

    __slots__ = ("_left", "_looks")

    def __init__(self) -> None:
        self._left = MAX_ROWS
        self._looks = MAX_CHECKS

    def spend(self, rows: int) -> None:
        """Take that many rows, or work of that size, from what is left. Raises BudgetExceeded."""
        self._left -= rows
        if self._left < 0:
            raise BudgetExceeded

    def check(self) -> bool:
        """Whether the database is to stop, as it has made too many steps."""
        self._looks -= 1
        return self._looks < 0
