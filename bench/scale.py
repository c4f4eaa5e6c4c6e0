"""Beyond one machine: the statements per request and bytes per row as measured, extrapolated to ten million people."""

import logging
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

import cast
from bench import figures, making, model, postgres, report, running, statements
from bench.report import note, row
from bench.running import ALICE, CHANGED, QUICK, Missing, Question
from onebucket.store.connect import connect
from onebucket.store.engine.statement import Statement

# Assumed load; everything else is counted or measured.
REQUESTS_A_DAY = 100 * model.PEOPLE
PEAK = 3
SHARES = {"check access": 0.90, "read one group": 0.09, "change a member": 0.01}
BUSY = 0.5
CORES = 16

_NAMES = {id(statement): name for name, statement in statements.every()}

REQUESTS = (
    ("read one group", "GET", "/1.0/groups/acme/designers", ""),
    ("read all groups of an account", "GET", "/1.0/groups/acme", ""),
    ("check access", "GET", "/api/access/acme/rocket?user=bob&level=write", ""),
    ("change a member", "PUT", "/1.0/groups/acme/designers/members/dora", ""),
    ("set a privilege", "PUT", "/1.0/group-privileges/acme/rocket/acme/designers", "read"),
    ("invite somebody", "PUT", "/1.0/users/acme/invitations/erin@example.net/acme/designers", ""),
)


@contextmanager
def _counted() -> Iterator[list[Statement]]:
    """Record the statements that are issued inside, in order."""
    issued: list[Statement] = []
    text = Statement.text

    def counting(self: Statement, *given: Any) -> str:
        issued.append(self)
        return text(self, *given)

    Statement.text = counting  # type: ignore[method-assign]
    try:
        yield issued
    finally:
        Statement.text = text  # type: ignore[method-assign]


def requests(folder: Path) -> None:
    """Print how many statements each request issues, and how many of them read one account only."""
    report.begin("requests", ("request", "statements", "of one account", "which look people up",
                              "of several accounts", "the same again, unchanged"))  # fmt: skip
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    path = folder / "cast.db"
    cast.make(path)
    api = cast.Api(connect(f"sqlite:///{path}"))
    api("alice", "GET", "/1.0/groups/acme?limit=1")
    for name, method, address, body in REQUESTS:
        with _counted() as issued:
            status = api("alice", method, address, content=body).status_code
        assert status < 300, (name, status)
        with _counted() as again:
            api("alice", method, address, content=body)
        reaches = [statements.reach(statements.clause(each)) for each in issued]
        astray = Counter(_NAMES[id(each)] for each, reach in zip(issued, reaches, strict=True) if not reach.stays)
        told = ", ".join(f"{times} × `{each}`" if times > 1 else f"`{each}`" for each, times in astray.items())
        looking = sum(reach.stays and reach.looks_people_up for reach in reaches)
        staying = sum(reach.stays for reach in reaches) - looking
        row(
            name,
            str(len(issued)),
            str(staying),
            str(looking),
            told or "none",
            str(len(again)) if method == "GET" else "",
        )
    api.close()


def processor(url: str, server: int) -> dict[str, tuple[float, float]]:
    """Return the CPU microseconds of each job in a worker and in PostgreSQL."""
    at = running.port()
    costs = {}
    first = figures.numbers()
    jobs: dict[str, Callable[[], float]] = {
        "check access": lambda: running.answered(at, Question(figures.CHECK, ALICE, varying=True)),
        "read one group": lambda: running.answered(at, Question(figures.READ, ALICE, varying=True)),
        "change a member": lambda: running.changed(at, figures.CHANGE, first=next(first)),
    }
    with running.started("onebucket", "serve", "--port", str(at), "--database", url, at=at) as (worker, _):
        for job, run in jobs.items():
            found = []
            run()
            for _ in range(2 if QUICK else 4):
                before = running.processor(worker.pid), running.processor(server)
                answered = run() * running.SECONDS
                after = running.processor(worker.pid), running.processor(server)
                found.append([(b - a) / answered * 1e6 for a, b in zip(before, after, strict=True)])
            costs[job] = (statistics.median(each[0] for each in found), statistics.median(each[1] for each in found))
    return costs


def sizes(weights: dict[str, float]) -> float:
    """Print the size of each table; return the bytes of all tables but the journal."""
    report.begin("sizes-at-scale", ("table", "rows", "because", "bytes a row, with its indexes", "together"))
    total = {rows.table: rows.number * weights[rows.table] for rows in model.ALL}
    for rows in model.ALL:
        row(f"`{rows.table}`", f"{rows.number / 1e6:,.1f} M", rows.because, f"{weights[rows.table]:,.0f}",
            f"{total[rows.table] / 1e9:,.1f} GB")  # fmt: skip
    kept = sum(total.values()) - total["journal"]
    others = sum(rows.number for rows in model.ALL if rows.table != "journal")
    row("all but the journal", f"{others / 1e6:,.0f} M", "", "", f"{kept / 1e9:,.0f} GB")  # fmt: skip
    return kept


def machines(costs: dict[str, tuple[float, float]]) -> None:
    """Print the CPU that a day's requests take without the cache, and how many machines that is."""
    report.begin("machines", ("request", "at the peak", "processor in a worker", "in PostgreSQL", "cores for workers",
                              "for PostgreSQL"))  # fmt: skip
    peak = REQUESTS_A_DAY / 86_400 * PEAK
    cores = [0.0, 0.0]
    for job, share in SHARES.items():
        rate = peak * share
        mine = [rate * cost / 1e6 for cost in costs[job]]
        cores = [a + b for a, b in zip(cores, mine, strict=True)]
        row(
            job,
            f"{rate:,.0f}/s",
            f"{costs[job][0]:,.0f} µs",
            f"{costs[job][1]:,.0f} µs",
            f"{mine[0]:.1f}",
            f"{mine[1]:.1f}",
        )
    row("together", f"{peak:,.0f}/s", "", "", f"{cores[0]:.1f}", f"{cores[1]:.1f}")
    counts = [math.ceil(each / BUSY / CORES) for each in cores]
    row(f"machines of {CORES} cores, half busy at the peak", "", "", "", str(counts[0]), str(counts[1]))


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    requests(folder)
    try:
        with postgres.durable() as (url, server):
            making.make(url, people=8 * CHANGED + 1)
            costs = processor(url, server)
            other = connect(url)
            connection = other.connect()
            model.fill(connection)
            sizes(model.weights(connection))
            machines(costs)
            other.close()
    except Missing as missing:
        note(str(missing))
