"""Numbers by name that several processes count, each in a row of its own in memory that they share; anybody can add up.

Whoever starts them makes the rows first. A process that takes the place of another one goes on with its row: what was
counted stays counted.
"""

from dataclasses import dataclass
from itertools import accumulate
from mmap import mmap

from onebucket.http.limits.shared_counters import ProcessLock

# There are as many as routes, methods and statuses that have met, times the buckets of a histogram.
MAX_NUMBERS = 1 << 14
_NAMES = 1 << 20


class SharedMetrics:
    """Rows for so many processes, of `most` numbers each. Nobody has their pages before they are written to."""

    def __init__(self, processes: int, most: int = MAX_NUMBERS) -> None:
        self._processes = processes
        self._most = most
        self._numbers = memoryview(mmap(-1, processes * most * 8)).cast("B").cast("d")
        # A line for each: how many numbers, and its name.
        self._names = mmap(-1, _NAMES)
        self._lock = ProcessLock()

    def for_process(self, process: int) -> "ProcessMetrics":
        """The row of one of them, counted from 0."""
        return ProcessMetrics(self, self._numbers[process * self._most : (process + 1) * self._most])

    def offset(self, name: str, many: int) -> int:
        """Where so many numbers of that name begin in each row; behind all others when there is no room for them."""
        with self._lock:
            known = self._known()
            if name in known:
                return known[name][0]
            begins = sum(each for _, each in known.values())
            line = f"{many} {name}\n".encode()
            if begins + many > self._most or self._end() + len(line) >= _NAMES:
                raise MemoryError(f"there is no room to count {name}")
            end = self._end()
            self._names[end : end + len(line)] = line
            return begins

    def sums(self) -> dict[str, list[float]]:
        """The numbers of all processes added up, by their names."""
        rows = [self.for_process(process).numbers for process in range(self._processes)]
        return {
            name: [sum(row[at] for row in rows) for at in range(begins, begins + many)]
            for name, (begins, many) in self._known().items()
        }

    def _end(self) -> int:
        # What a process that was killed has not finished writing is written over.
        return self._names.rfind(b"\n", 0, self._names.find(b"\0")) + 1

    def _known(self) -> dict[str, tuple[int, int]]:
        lines = [line.partition(" ") for line in self._names[: self._end()].decode().splitlines()]
        many = [int(each) for each, _, _ in lines]
        begins = accumulate(many, initial=0)
        return {name: (begin, each) for (_, _, name), begin, each in zip(lines, begins, many, strict=False)}


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    """The row of one process, and the rows of all."""

    shared: SharedMetrics
    numbers: "memoryview[float]"

    def offset(self, name: str, many: int = 1) -> int:
        """Where so many numbers of that name begin in the row."""
        return self.shared.offset(name, many)
