"""Print results as tables while they come, and write them into docs/ on request."""

import os
import platform
import re
import sqlite3
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

TOP = Path(__file__).parents[1]
_LOAD = os.getloadavg()[0]
_HOW = " A quick look: fewer and shorter runs." if "--quick" in sys.argv else ""
HEAD = ("what", "measured", "to reach")


@dataclass(slots=True)
class Part:
    """One table of results, followed by its `notes`."""

    name: str
    head: tuple[str, ...]
    rows: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Drawn:
    """The data of the plot: rates relative to the ceiling by job, and milliseconds by size."""

    bars: dict[str, dict[str, float]] = field(default_factory=dict)
    lines: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


_parts: list[Part] = []
drawn = Drawn()


def begin(name: str, head: tuple[str, ...] = HEAD) -> None:
    """Start another table."""
    _parts.append(Part(name, head))
    print(f"\n## {name}\n\n{_headed(head)}", flush=True)


def _headed(head: tuple[str, ...]) -> str:
    return f"| {' | '.join(head)} |\n{'|---' * len(head)}|"


def row(*cells: str) -> None:
    """Print one row of the current table; trailing cells can be left out."""
    width = len(_parts[-1].head) if _parts else len(cells)
    line = f"| {' | '.join((*cells, *[''] * (width - len(cells))))} |"
    print(line, flush=True)
    if _parts:
        _parts[-1].rows.append(line)


def note(sentence: str) -> None:
    """Print a sentence below the current table."""
    print(f"\n{sentence}\n", flush=True)
    if _parts:
        _parts[-1].notes.append(sentence)


def machine() -> str:
    """Return a sentence about the machine, Python and SQLite."""
    words = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*: (.*)$", words, re.MULTILINE)
    cores = len(re.findall(r"^processor\s*:", words, re.MULTILINE)) or "?"
    processor = model[1] if model else "?"
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {platform.system()}, {cores} cores ({processor}), "
        f"which servers and load share; {platform.python_implementation()} {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version} with full fsync. Load when it began: {_LOAD:.1f}.{_HOW}"
    )


def write(folder: Path = TOP / "docs") -> None:
    """Replace each table between its marks in the Markdown files of `folder`."""
    for part in _parts:
        table = "\n".join((machine(), "", _headed(part.head), *part.rows, *(f"\n{each}" for each in part.notes)))
        between = re.compile(f"(<!-- measured: {part.name} -->).*?(<!-- end -->)", re.DOTALL)
        for page in sorted(folder.glob("*.md")):
            before = page.read_text()
            after = between.sub(lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}", before)
            if after != before:
                page.write_text(after)
