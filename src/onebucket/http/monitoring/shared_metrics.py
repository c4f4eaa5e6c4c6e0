"""Metrics in shared memory: each worker counts in a row of its own, and any worker can add up all rows.

The parent makes the rows before it forks. A worker that replaces another continues with its row, so no count is lost.
"""

from dataclasses import dataclass
from itertools import accumulate
from mmap import mmap

from onebucket.http.process_lock import ProcessLock

# Numbers per row: one for each combination of route, method and status that occurs, and a histogram for each route.
MAX_NUMBERS = 1 << 15
_NAMES = 1 << 20


class SharedMetrics:
    """Rows of `most` numbers for `processes` workers. The kernel allocates their pages on the first write."""

    def __init__(self, processes: int, most: int = MAX_NUMBERS) -> None:
        self._processes = processes
        self._most = most
        self._numbers = memoryview(mmap(-1, processes * most * 8)).cast("B").cast("d")
        # One line per metric: the count of its numbers, a space, and its name.
        self._names = mmap(-1, _NAMES)
        self._lock = ProcessLock()

    def for_process(self, process: int) -> "ProcessMetrics":
        """Return the row of one worker; `process` counts from 0."""
        return ProcessMetrics(self, self._numbers[process * self._most : (process + 1) * self._most])

    def offset(self, name: str, many: int) -> int:
        """Return the offset of metric `name` in every row; allocates `many` numbers the first time.

        Raises MemoryError when the rows are full.
        """
        with self._lock:
            layout = self._layout()
            if name in layout:
                return layout[name][0]
            offset = sum(count for _, count in layout.values())
            line = f"{many} {name}\n".encode()
            if offset + many > self._most or self._end() + len(line) >= _NAMES:
                raise MemoryError(f"there is no room left to count {name}")
            end = self._end()
            self._names[end : end + len(line)] = line
            return offset

    def sums(self) -> dict[str, list[float]]:
        """Add up the rows of all workers; return the numbers by metric name."""
        rows = [self.for_process(process).numbers for process in range(self._processes)]
        return {
            name: [sum(row[index] for row in rows) for index in range(offset, offset + count)]
            for name, (offset, count) in self._layout().items()
        }

    def _end(self) -> int:
        # A line that a killed worker left unfinished is overwritten.
        return self._names.rfind(b"\n", 0, self._names.find(b"\0")) + 1

    def _layout(self) -> dict[str, tuple[int, int]]:
        lines = [line.partition(" ") for line in self._names[: self._end()].decode().splitlines()]
        counts = [int(count) for count, _, _ in lines]
        offsets = accumulate(counts, initial=0)
        return {name: (offset, count) for (_, _, name), offset, count in zip(lines, offsets, counts, strict=False)}


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    """The row of one worker, and the rows of all."""

    shared: SharedMetrics
    numbers: "memoryview[float]"

    def offset(self, name: str, many: int = 1) -> int:
        """Return the offset of metric `name` in the row; see `SharedMetrics.offset`."""
        return self.shared.offset(name, many)
