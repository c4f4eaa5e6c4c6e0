"""The commit counter of an SQLite file: the header of its WAL-index, which changes with every commit.

Never close a file that is mapped here before SQLite has removed it: closing it would release SQLite's own locks.

`PRAGMA data_version` compares the same header, but releases the global interpreter lock to do so. On a busy server,
getting that lock back takes longer than making a short response. This module reads the bytes from the memory that
SQLite's connections share (https://sqlite.org/walformat.html#the_wal_index_file_format).
"""

import os
import struct
import threading
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path

# SQLite writes two copies of the header, one after the other: while they differ, a commit is under way.
_HEADER_BYTES = 48
_BOTH_HEADERS_BYTES = 2 * _HEADER_BYTES

# The version of the format. There has never been another one.
_FORMAT_VERSION = 3007000

# Closing a file releases every lock that this process has on it, SQLite's too. So each file is opened once, and closed
# only after SQLite has removed it, which it does with the last connection. The keys are device and inode.
_opened: dict[tuple[int, int], tuple[int, mmap]] = {}
_opening = threading.Lock()


class CommitCounter:
    """The header of one WAL-index, in shared memory."""

    __slots__ = ("_shared",)

    def __init__(self, shared: mmap) -> None:
        self._shared = shared

    def read(self) -> bytes | None:
        """Return bytes that change with every commit; None while a commit is changing them."""
        both = self._shared[:_BOTH_HEADERS_BYTES]
        return both if both[:_HEADER_BYTES] == both[_HEADER_BYTES:] else None


def head(database: Path) -> CommitCounter | None:
    """Open the commit counter of an SQLite file; a connection must have read it in WAL mode.

    Returns None if there is no WAL-index, or if its format is unknown.
    """
    shared = None
    with suppress(OSError, ValueError), _opening:
        shared = _map(Path(f"{database.resolve()}-shm"))
    return (
        CommitCounter(shared) if shared is not None and struct.unpack_from("=I", shared)[0] == _FORMAT_VERSION else None
    )


def _map(path: Path) -> mmap | None:
    status = path.stat()
    opened = _opened.get((status.st_dev, status.st_ino))
    if opened is not None:
        return opened[1]

    _close_removed()
    file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    is_same = os.path.samestat(os.fstat(file), status)
    shared = mmap(file, _BOTH_HEADERS_BYTES, access=ACCESS_READ)
    _opened[status.st_dev, status.st_ino] = file, shared
    return shared if is_same else None


def _close_removed() -> None:
    """Close the files that have been removed."""
    for key, (file, shared) in [*_opened.items()]:
        if os.fstat(file).st_nlink == 0:
            shared.close()
            os.close(file)
            del _opened[key]
