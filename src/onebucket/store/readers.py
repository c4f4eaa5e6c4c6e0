"""The threads that read where nobody else is to wait for it: so many at once, and so many more in line."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from onebucket.store.database import Unavailable

# So many questions are asked of the database at once by one process, and so many more wait for their turn.
READERS = 8
WAITING = 1000


class Readers(ThreadPoolExecutor):
    """The threads that read, each over its own connection; whoever would have to wait too long is told so.

    `failures` counts how often no connection was to be had: finding that out can take seconds, and whoever waited
    meanwhile needn't find it out again.
    """

    def __init__(self, threads: int = READERS) -> None:
        super().__init__(threads, thread_name_prefix="reader")
        self._room = threading.Semaphore(threads + WAITING)
        self.failures = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run something in one of them. Raises Unavailable when too many wait."""
        if not self._room.acquire(blocking=False):
            raise Unavailable("too many requests wait for the database")
        failures = self.failures

        def turn() -> Any:
            if self.failures != failures:
                raise Unavailable("the database could not be reached")
            return fn(*args, **kwargs)

        future = super().submit(turn)
        future.add_done_callback(lambda _: self._room.release())
        return future
