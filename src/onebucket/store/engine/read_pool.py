"""The thread pool for reads, with a bounded queue."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from onebucket.store.engine.errors import DatabaseUnavailable

# Reads that one process runs at once, and reads that may wait in the queue.
READ_THREADS = 8
MAX_WAITING = 1000


class ReadPool(ThreadPoolExecutor):
    """Threads that read, each over its own connection; a full queue refuses further reads.

    `failures` counts failed attempts to connect. One can take seconds: reads that were queued meanwhile fail at once,
    instead of trying again.
    """

    def __init__(self, threads: int = READ_THREADS) -> None:
        super().__init__(threads, thread_name_prefix="reader")
        self._slots = threading.Semaphore(threads + MAX_WAITING)
        self.failures = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run a function in one of the threads. Raises DatabaseUnavailable when too many wait."""
        if not self._slots.acquire(blocking=False):
            raise DatabaseUnavailable("too many requests wait for the database")
        failures = self.failures

        def run() -> Any:
            if self.failures != failures:
                raise DatabaseUnavailable("the database could not be reached")
            return fn(*args, **kwargs)

        future = super().submit(run)
        future.add_done_callback(lambda _: self._slots.release())
        return future
