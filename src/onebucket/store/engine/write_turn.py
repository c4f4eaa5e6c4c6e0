"""The write lock of one process: writers take turns, and none waits longer than its patience."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from onebucket import bounds
from onebucket.store.engine.errors import DatabaseUnavailable

# Returns how many seconds the caller may still wait.
Patience = Callable[[], float]

# Timeouts are multiples of this many milliseconds, so that drivers see few different statements. 0 would mean no limit.
_STEP = 100


@contextmanager
def turn(lock: threading.Lock, patience: Patience | None) -> Iterator[Callable[[], int]]:
    """Hold the lock; yield a function that returns how many milliseconds are left to wait. Raises DatabaseUnavailable.

    It never returns less than `_STEP`: a caller whose time is over still tries once, since the lock may be free.
    """
    seconds = patience or (lambda: bounds.BUSY_SECONDS)

    def left() -> int:
        return max(1, round(seconds() * 1000 / _STEP)) * _STEP

    if not lock.acquire(timeout=left() / 1000):
        raise DatabaseUnavailable("the database can't take changes now (another change takes too long)")
    try:
        yield left
    finally:
        lock.release()
