"""The threads that read where nobody else is to wait for it: so many at once, and so many more in line."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from onebucket.store.engine.database import DatabaseUnavailable

# So many questions are asked of the database at once by one process, and so many more wait for their turn.
READ_THREADS = 8
MAX_WAITING = 1000


class ReadPool(ThreadPoolExecutor):
    """The threads that read, each over its own connection; whoever would have to wait too long is told so.

    `failures` counts how often no connection was to be had: finding that out can take seconds, and whoever waited
    meanwhile needn't find it out again.
    """

    def __init__(self, threads: int = READ_THREADS) -> None:
        super().__init__(threads, thread_name_prefix="reader")
        self._slots = threading.Semaphore(threads + MAX_WAITING)
        self.failures = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run something in one of them. Raises DatabaseUnavailable when too many wait."""
        if not self._slots.acquire(blocking=False):
            raise DatabaseUnavailable("too many requests wait for the database")
        failures = self.failures

        def turn() -> Any:
            if self.failures != failures:
                raise DatabaseUnavailable("the database could not be reached")
            return fn(*args, **kwargs)

        future = super().submit(turn)
        future.add_done_callback(lambda _: self._slots.release())
        return future
