"""Turns: changes of one process are made one after the other, and nobody waits for theirs longer than they said."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from onebucket import bounds
from onebucket.store.engine.database import DatabaseUnavailable

# How many seconds somebody may still wait.
Patience = Callable[[], float]

# Drivers are told in steps of so many milliseconds, to see few different statements. They take 0 for no limit.
_STEP = 100


@contextmanager
def turn(lock: threading.Lock, patience: Patience | None) -> Iterator[Callable[[], int]]:
    """Hold the lock. What is given tells how many milliseconds are left for waiting. Raises DatabaseUnavailable.

    Whoever comes late still has a moment: it may be free now.
    """
    seconds = patience or (lambda: bounds.BUSY_SECONDS)

    def left() -> int:
        return max(1, round(seconds() * 1000 / _STEP)) * _STEP

    if not lock.acquire(timeout=left() / 1000):
        raise DatabaseUnavailable("the database can't take changes now (another one takes too long)")
    try:
        yield left
    finally:
        lock.release()
