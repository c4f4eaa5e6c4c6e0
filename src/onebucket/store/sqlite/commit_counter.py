"""The head of SQLite's WAL-index: what its own readers compare to find out whether anybody has committed.

`PRAGMA data_version` looks at nothing else, but lets go of Python's lock for it, and whoever takes that meanwhile keeps
a busy server waiting for longer than all the rest of a short answer takes. Here the same bytes are read from memory
that SQLite's connections share (https://sqlite.org/walformat.html#the_wal_index_file_format).
"""

import os
import struct
import threading
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path

# Two copies of one header, written one after the other: as long as they differ, somebody is changing them.
_COPY = 48
_BOTH = 2 * _COPY

# The only form there has ever been; another one would be another number.
_FORM = 3007000

# To close a file lets go of every lock that this process has on it, SQLite's too. So each is opened once and closed
# only when it is nobody's any more: SQLite removes it with the last connection.
_opened: dict[tuple[int, int], tuple[int, mmap]] = {}
_opening = threading.Lock()


class CommitCounter:
    """The head of one WAL-index, as it is at any moment."""

    __slots__ = ("_shared",)

    def __init__(self, shared: mmap) -> None:
        self._shared = shared

    def read(self) -> bytes | None:
        """Bytes that are others whenever anybody has committed anything; None while they are being changed."""
        both = self._shared[:_BOTH]
        return both if both[:_COPY] == both[_COPY:] else None


def head(database: Path) -> CommitCounter | None:
    """The head for that file, which a connection has read in WAL mode; None where there is none that is understood."""
    shared = None
    with suppress(OSError, ValueError), _opening:
        shared = _map(Path(f"{database.resolve()}-shm"))
    return CommitCounter(shared) if shared is not None and struct.unpack_from("=I", shared)[0] == _FORM else None


def _map(path: Path) -> mmap | None:
    there = path.stat()
    known = _opened.get((there.st_dev, there.st_ino))
    if known is not None:
        return known[1]

    _let_go()
    file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    is_same = os.path.samestat(os.fstat(file), there)
    shared = mmap(file, _BOTH, access=ACCESS_READ)
    _opened[there.st_dev, there.st_ino] = file, shared
    return shared if is_same else None


def _let_go() -> None:
    """Close the files that have been removed."""
    for key, (file, shared) in [*_opened.items()]:
        if os.fstat(file).st_nlink == 0:
            shared.close()
            os.close(file)
            del _opened[key]
