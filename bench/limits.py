"""What rate limits cost, and what 10,000 wrong passwords do to memory and to other users.

`python -m bench.limits flood PORT COUNT WHERE` guesses passwords in a process of its own, so that it doesn't slow down
the measuring process.
"""

import asyncio
import http.client
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench import making, running
from bench.report import row
from bench.running import ALICE, QUICK, ROUNDS, basic, per_second

GUESSES = 2000 if QUICK else 10_000
FEW = 300
GUESSING = 100

_ONE = "/1.0/groups/acme/ten"


def counting(database: str) -> None:
    """Compare the CPU time of the same cached response with and without a rate limit, in turn."""
    serving = ["serve", "--database", f"sqlite:///{database}", "--port"]
    free, limited = running.port(), running.port()
    with (
        running.started("onebucket", *serving, str(free), at=free) as (without, _),
        running.started("onebucket", *serving, str(limited), at=limited, rate_limit="1000000000") as (counted, _),
    ):
        pairs = [(_microseconds(limited, counted), _microseconds(free, without)) for _ in range(3 * ROUNDS)]
    mine, bare = (statistics.median(each) for each in zip(*pairs, strict=True))
    cost = statistics.median(mine / bare for mine, bare in pairs) - 1
    row(f"counting calls: {mine:.1f} µs of processor for `GET` of one group, unchanged; uncounted {bare:.1f} µs",
        f"{cost:.1%}", "< 10 %")  # fmt: skip


def _microseconds(at: int, process: "subprocess.Popen[bytes]") -> float:
    """Return the CPU time per request under load, which other load on the machine hardly changes."""
    before = running.processor(process.pid)
    answered = per_second(at, _ONE, ALICE) * running.SECONDS
    return (running.processor(process.pid) - before) / answered * 1e6


def guessing(database: str) -> None:
    """Measure requests with an app password while somebody else guesses passwords."""
    serving = ["serve", "--database", f"sqlite:///{database}", "--port"]
    for where, about in (("one", "one address"), ("many", "as many addresses")):
        at = running.port()
        settings = {"failures_per_address": "60", "trusted_proxies": "127.0.0.1"}
        with running.started("onebucket", *serving, str(at), at=at, **settings) as (process, _):
            usual = _asking(at, seconds=3.0)
            running.forget_most(process)
            _flood(at, FEW, "few").wait()
            few = running.resident_mib(process, most=True)
            running.forget_most(process)
            begun = time.perf_counter()
            flood = _flood(at, GUESSES, where)
            during = _asking(at, flood=flood)
            taken = time.perf_counter() - begun
            most = running.resident_mib(process, most=True)
            told = flood.communicate()[0].strip()
        slower = statistics.median(during) / statistics.median(usual)
        row(f"{GUESSES:,} wrong passwords from {about} over {GUESSING} connections in {taken:.0f} s ({told}): memory",
            f"{most:.0f} MiB at most, {few:.0f} MiB after the first {FEW}", "the same")  # fmt: skip
        row(f"meanwhile `GET` with an app password, median: {statistics.median(during):.2f} ms, "
            f"usually {statistics.median(usual):.2f} ms", f"{slower:.2f}", "")  # fmt: skip


def _asking(at: int, *, seconds: float = 0, flood: "subprocess.Popen[str] | None" = None) -> list[float]:
    """Return the milliseconds of consecutive requests, for `seconds` or until the flood is over."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    taken = []
    until = time.perf_counter() + seconds
    while flood.poll() is None if flood else time.perf_counter() < until:
        begun = time.perf_counter()
        connection.request("GET", _ONE, headers=ALICE)
        answer = connection.getresponse()
        answer.read()
        taken.append((time.perf_counter() - begun) * 1000)
        assert answer.status == 200, answer.status
        time.sleep(0.005)
    connection.close()
    return taken


def _flood(at: int, count: int, where: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.limits", "flood", str(at), str(count), where]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def _guess(at: int, count: int, where: str) -> None:
    numbers = iter(range(count))
    came: Counter[int] = Counter()

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", at)
        for number in numbers:
            address = "192.0.2.1" if where == "one" else f"10.{len(where)}.{number >> 8}.{number & 255}"
            header = basic(f"person-{number % 500}", f"guess {number}")["Authorization"]
            writer.write(f"GET {_ONE} HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n"
                         f"X-Forwarded-For: {address}\r\n\r\n".encode())  # fmt: skip
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            came[int(head.split(b" ", 2)[1])] += 1
            # About as fast as an attacker on a network.
            await asyncio.sleep(0.02)
        writer.close()

    await asyncio.gather(*(one_connection() for _ in range(GUESSING)))
    print(", ".join(f"{status}: {times:,}" for status, times in sorted(came.items())))


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    path = folder / "limits.db"
    making.make(f"sqlite:///{path}")
    counting(str(path))
    guessing(str(path))


if __name__ == "__main__":
    asyncio.run(_guess(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
