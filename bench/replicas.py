"""What a replica costs: asking for the WAL position of a change, and reading there or on the primary."""

import http.client
import re
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg

from bench import figures, making, postgres, report, running
from bench.report import row
from bench.running import ALICE, CHANGED, QUICK, ROUNDS, Missing, Question
from onebucket.http.execution.replica_router import FALLBACK_REASONS
from onebucket.store.postgres import wal_position

ASKED = 500 if QUICK else 3000
FIGURES = {"Authorization": "Bearer figures"}


def question(url: str) -> tuple[float, float]:
    """Return the microseconds of asking a primary for its WAL position, and of `SELECT 1`, measured in turn."""
    taken: dict[str, list[float]] = {wal_position.POSITION: [], "SELECT 1": []}
    with psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection:
        for _ in range(ASKED):
            for asked, times in taken.items():
                begun = time.perf_counter()
                connection.execute(asked).fetchone()
                times.append((time.perf_counter() - begun) * 1e6)
    position, nothing = (statistics.median(times) for times in taken.values())
    return position, nothing


def counted(at: int, name: str) -> float:
    """Return one of the server's metrics. Raises Missing."""
    page = running.ask(at, "GET", "/metrics", FIGURES)[1].decode()
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    if found is None:
        raise Missing(f"the server doesn't count {name}")
    return float(found[1])


def changing(url: str) -> None:
    """Measure what a change pays for its WAL position: one query for all changes of a commit."""
    report.begin("positions", ("changes", "answered in", "changes in a commit", "of that for the position"))
    position, nothing = question(url)
    first, at = figures.numbers(), running.port()
    serve = ("serve", "--port", str(at), "--database", url)
    with running.started("onebucket", *serve, at=at, metrics_token="figures"):
        alone = _alone(at)
        row("one after the other", f"{alone * 1000:.2f} ms", "1", f"{position:.0f} µs, {position / alone / 1e6:.1%}")
        rates, together = [], []
        for _ in range(ROUNDS):
            before = [counted(at, f"onebucket_{each}") for each in ("changes", "commits")]
            rates.append(running.changed(at, figures.CHANGE, first=next(first)))
            after = [counted(at, f"onebucket_{each}") for each in ("changes", "commits")]
            together.append((after[0] - before[0]) / (after[1] - before[1]))
    each = running.CONNECTIONS / statistics.median(rates)
    shared = statistics.median(together)
    row(f"over {running.CONNECTIONS} connections", f"{each * 1000:.2f} ms", f"{shared:.1f}",
        f"{position / shared:.0f} µs of a batch's {each * 1000:.2f} ms")  # fmt: skip
    report.note(f"To ask for a position takes {position:.0f} µs over a local socket, `SELECT 1` {nothing:.0f} µs.")


def _alone(at: int) -> float:
    """Return the median seconds of a change while nobody else makes one."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    taken = []
    for number in range(100 if QUICK else 400):
        method, path = (figures.CHANGE.put, figures.CHANGE.delete)[number % 2]
        begun = time.perf_counter()
        connection.request(method, path % (7 * CHANGED), headers=ALICE)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise Missing(f"a change was answered {answer.status}")
        taken.append(time.perf_counter() - begun)
    connection.close()
    return statistics.median(taken)


def reading(primary: tuple[str, int], standby: tuple[str, int]) -> None:
    """Measure the CPU time of a read: cached and computed on the primary, and computed on the replica."""
    report.begin("replicas", ("request", "where", "answered", "processor in a worker", "in the primary",
                              "in the replica"))  # fmt: skip
    with ExitStack() as stack:
        ports = [running.port(), running.port()]
        workers = []
        for at, settings in zip(ports, ({}, {"replicas": standby[0]}), strict=True):
            serve = ("serve", "--port", str(at), "--database", primary[0])
            workers.append(
                stack.enter_context(running.started("onebucket", *serve, at=at, metrics_token="figures", **settings))[
                    0
                ].pid
            )
        for request, path in (("read one group", figures.READ), ("check access", figures.CHECK)):
            ways: Mapping[str, tuple[int, Question]] = {
                "on the primary, remembered": (0, Question(path, ALICE)),
                "on the primary, worked out": (0, Question(path, ALICE, varying=True)),
                "on the replica": (1, Question(path, ALICE, varying=True)),
            }
            found: dict[str, list[list[float]]] = {way: [] for way in ways}
            for turn in range(ROUNDS):
                for way, (server, asked) in ways.items():
                    # A change, so that no response of the last round is cached.
                    _change(ports[0], turn)
                    at, pids = ports[server], (workers[server], primary[1], standby[1])
                    found[way].append(_costs(lambda at=at, asked=asked: running.answered(at, asked), pids))
            for way, runs in found.items():
                rate, *costs = (statistics.median(each) for each in zip(*runs, strict=True))
                row(request, way, f"{rate:,.0f}/s", *(f"{cost:,.0f} µs" for cost in costs))
        on_replica = counted(ports[1], "onebucket_reads_on_replicas")
        kept = {each: counted(ports[1], f"onebucket_reads_kept_{each}") for each in FALLBACK_REASONS}
    told = ", ".join(f"{name} {number:,.0f}" for name, number in kept.items() if number)
    report.note(f"Of what was asked of the server with a replica, {on_replica / (on_replica + sum(kept.values())):.1%} "
                f"was answered there; the primary answered the rest ({told}).")  # fmt: skip


def _change(at: int, turn: int) -> None:
    for method, path in (figures.CHANGE.put, figures.CHANGE.delete):
        status, _ = running.ask(at, method, path % (7 * CHANGED + turn), ALICE)
        if status >= 300:
            raise Missing(f"a change was answered {status}")


def _costs(run: Callable[[], float], pids: tuple[int, ...]) -> list[float]:
    """Return the rate, and the CPU microseconds per request of each process with its children."""
    before = [running.processor(pid) for pid in pids]
    rate = run()
    taken = [running.processor(pid) - begun for pid, begun in zip(pids, before, strict=True)]
    return [rate, *(each / (rate * running.SECONDS) * 1e6 for each in taken)]


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    try:
        with postgres.replicated() as (primary, standby):
            making.make(primary[0], people=8 * CHANGED + 1)
            # Dead rows cost a standby more, because it can't set hint bits.
            with psycopg.connect(primary[0], autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            reading(primary, standby)
            changing(primary[0])
    except Missing as missing:
        report.note(str(missing))
