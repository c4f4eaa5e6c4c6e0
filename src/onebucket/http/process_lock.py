"""A lock between the worker processes of one server."""

import fcntl
import os
import threading
from pathlib import Path
from tempfile import mkstemp
from weakref import finalize


class ProcessLock:
    """A lock between processes and between their threads; a process that dies releases it."""

    def __init__(self) -> None:
        self._file, name = mkstemp(prefix="onebucket-")
        Path(name).unlink()
        finalize(self, os.close, self._file)
        # `lockf` locks belong to the process, so its threads need a lock among themselves.
        self._thread_lock = threading.Lock()

    def __enter__(self) -> None:
        self._thread_lock.acquire()
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._thread_lock.release()
