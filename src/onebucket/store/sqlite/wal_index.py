"""Never close a file that is opened here: not before SQLite has removed it.

Closing any file descriptor of a file releases all POSIX locks that this process has on it, those of SQLite's own
connections too (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
Another process could then write at the same time, and damage the database. So nothing here is tidied up early: no
`with`, no `close`, no second `open` of the same file.

What it is for: the header of an SQLite file's WAL-index changes with every commit, so comparing it tells whether
anybody has committed (https://sqlite.org/walformat.html#the_wal_index_file_format). `PRAGMA data_version` compares the
same header, but releases the global interpreter lock to do so. On a busy server, getting that lock back takes longer
than making a short response. This module reads the bytes from the memory that SQLite's connections share. The setting
`sqlite_wal_index` turns it off; then the pragma is asked.
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

# Each file is opened once, and closed only after SQLite has removed it, which it does with the last connection: nobody
# has a lock on it then. The keys are device and inode.
_opened: dict[tuple[int, int], tuple[int, mmap]] = {}
_opening = threading.Lock()


class WalIndexHeader:
    """The header of one WAL-index, in shared memory."""

    __slots__ = ("_shared",)

    def __init__(self, shared: mmap) -> None:
        self._shared = shared

    def read(self) -> bytes | None:
        """Return bytes that change with every commit; None while a commit is changing them."""
        both = self._shared[:_BOTH_HEADERS_BYTES]
        return both if both[:_HEADER_BYTES] == both[_HEADER_BYTES:] else None


def header(database: Path) -> WalIndexHeader | None:
    """Open the header of an SQLite file's WAL-index; a connection must have read the file in WAL mode.

    Returns None if there is no WAL-index, or if its format is unknown.
    """
    shared = None
    with suppress(OSError, ValueError), _opening:
        shared = _map(Path(f"{database.resolve()}-shm"))
    return (
        WalIndexHeader(shared)
        if shared is not None and struct.unpack_from("=I", shared)[0] == _FORMAT_VERSION
        else None
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
