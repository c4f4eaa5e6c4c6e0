"""What a question may take while everybody else waits for it: above that it is asked again where nobody does."""

# In rows read, or as much of anything else: a millisecond or two. What is made of them takes about as long again.
MOST = 300

# SQLite looks up from its work after so many of its steps, which take a fraction of a millisecond; so many times it
# goes on.
STEPS = 2000
LOOKS = 30


class TooLong(Exception):
    """The question takes longer than a moment: it is to be asked again in a thread."""


class Budget:
    """What is left of a moment."""

    __slots__ = ("_left", "_looks")

    def __init__(self) -> None:
        self._left = MOST
        self._looks = LOOKS

    def spend(self, rows: int) -> None:
        """Take that many rows, or work of that size, from what is left. Raises TooLong."""
        self._left -= rows
        if self._left < 0:
            raise TooLong

    def look(self) -> bool:
        """Whether the database is to stop, as it has made too many steps."""
        self._looks -= 1
        return self._looks < 0
