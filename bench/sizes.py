"""What the same jobs cost in accounts of very different sizes, and the memory that the largest response takes."""

import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from bench import running
from bench.report import drawn, row
from bench.running import ALICE, QUICK, SECRET, milliseconds
from onebucket import hashing
from onebucket.actions import accounts, tokens
from onebucket.cli import common
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine import timestamps
from onebucket.store.engine.transaction import Transaction

SIZES = (100, 1000, 10_000) if QUICK else (100, 1000, 10_000, 100_000)
TIMES = 60 if QUICK else 300
# MiB of memory above the idle state that a response of any length may take.
ALLOWED = 25
# Members per group; all people are also in one large group.
TOGETHER = 10


def make(folder: Path) -> str:
    """Create a database with alice as site admin and one account of each size; return its path."""
    path = folder / "sizes.db"
    opened = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email="alice@example.com")
        accounts.add_user(work, "newcomer", email="newcomer@example.com")
        scopes = frozenset({"account:write", "repository:admin"})
        tokens.add(work, "alice", secret_hash=hashing.secret_hash(SECRET), scopes=scopes)
        accounts.change_user(work, "alice", site_admin=True)
        for size in SIZES:
            fill(tx, size)
    opened.close()
    return str(path)


def fill(tx: Transaction, size: int) -> None:
    """Insert an account of `size` people, groups and repositories directly: the actions would take minutes.

    Each person is in one of the first groups and in the group `all`; one group has a privilege on each repository.
    """
    at = timestamps.to_number(datetime.now(UTC))

    def id(kind: int, n: int) -> str:
        return f"{size:08x}-{kind:04x}-4000-8000-{n:012x}"

    def insert(table: str, rows: Iterator[Sequence[Any]]) -> None:
        first, *others = rows
        tx.connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(first))})", [first, *others])

    owner, every, each = id(0, 0), id(2, size), range(size)
    name = f"size{size}"
    insert("accounts", iter([(owner, name, name, name, None, None, 1, 1, 0, None, at, 0, None, 0)]))
    insert("accounts", ((id(1, n), f"{name}-{n}", f"{name}-{n}", f"Person Number {n}", f"70121:{id(1, n)}", None,
                         0, 1, 0, None, at, 0, None, 0) for n in each))  # fmt: skip
    insert("groups", ((owner, id(2, n), f"Group {n}", f"group-{n}", None, 0, 0, None, at, None, None, None, None)
                      for n in each))  # fmt: skip
    insert("groups", iter([(owner, every, "All", "all", None, 0, 0, None, at, None, None, None, None)]))
    insert("memberships", ((owner, id(2, n // TOGETHER), id(1, n), at, None, None) for n in each))
    insert("memberships", ((owner, every, id(1, n), at, None, None) for n in each))
    insert("projects", iter([(owner, id(4, 0), "PROJ", "Default project", "", 1, at, at)]))
    insert("repositories", ((owner, id(3, n), f"repository-{n}", f"Repository {n}", 1, "", at, at,
                             id(4, 0), "allow_forks", "", 0, 0, "main", 1, 1) for n in each))  # fmt: skip
    insert("group_privileges", ((owner, id(3, n), id(2, n // TOGETHER), 1 + n % 3, at, None, None) for n in each))


def costs(at: int) -> None:
    """Measure each job in each account in turn, one request at a time; reads are never served from the cache."""
    serial = count()
    asked: dict[tuple[str, int], list[float]] = {(job, size): [] for job in JOBS for size in SIZES}
    for n in range(TIMES):
        for size in SIZES:
            anew = f"limit={next(serial)}"
            member = f"/1.0/groups/size{size}/all/members/newcomer"
            asks = [("GET", f"/1.0/groups/size{size}/group-{n % TOGETHER}?{anew}"),
                    ("GET", f"/api/access/size{size}/repository-{n % TOGETHER}?user=size{size}-7&level=read&{anew}"),
                    (("PUT", "DELETE")[n % 2], member)]  # fmt: skip
            for job, taken in zip(JOBS, milliseconds(at, asks, ALICE, times=1), strict=True):
                asked[job, size].append(taken)

    for job in JOBS:
        medians = {size: statistics.median(asked[job, size]) for size in SIZES}
        drawn.lines[job] = list(medians.items())
        told = ", ".join(f"{size:,}: {taken:.2f}" for size, taken in medians.items())
        row(f"**i** {job}, in ms, in an account of so many people, groups and repositories: {told}; "
            "the last in times of the first", f"{medians[SIZES[-1]] / medians[SIZES[0]]:.2f}", "0.5–1.5")  # fmt: skip


JOBS = ("`GET` one group with 10 members", "`GET /api/access/…`", "`PUT` or `DELETE` of a member of the group of all")


def pages(at: int) -> None:
    """Measure a page of 100 of each long list of API 2.0, one request at a time and never from the cache."""
    serial = count()
    taken: dict[tuple[str, int], float] = {}
    for size in SIZES:
        for what, path in PAGES.items():
            address = path.format(size=size)
            rounds = [
                running.milliseconds(at, [("GET", f"{address}&pagelen=100&limit={next(serial)}")], ALICE, times=1)[0]
                for _ in range(TIMES // 10)
            ]
            taken[what, size] = statistics.median(rounds)
    for what in PAGES:
        told = ", ".join(f"{size:,}: {taken[what, size]:.1f}" for size in SIZES)
        of_ten_thousand = taken[what, 10_000]
        row(f"a page of 100 of {what}, in ms, of so many: {told}", f"{of_ten_thousand:.1f} ms of 10,000", "≤ 15 ms")


PAGES = {
    "members": "/2.0/workspaces/size{size}/members?page=1",
    "members with `q`": "/2.0/workspaces/size{size}/members?q=user.display_name~%22Number%22",
    "repositories": "/2.0/repositories/size{size}?page=1",
    "repositories with `q`": "/2.0/repositories/size{size}?q=name~%22Repository%22",
}


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    path, at = make(folder), running.port()
    with running.started("onebucket", "serve", "--port", str(at), "--database", f"sqlite:///{path}", at=at) as started:
        costs(at)
        pages(at)
        for size in SIZES:
            running.ask(at, "GET", f"/1.0/groups/size{size}/group-1", ALICE)
        row(f"**j** memory after all of this, with {2 * sum(SIZES):,} memberships",
            f"{running.resident_mib(started[0]):.0f} MiB", "≤ 120 MiB")  # fmt: skip
        rest = running.resident_mib(started[0])
        running.forget_most(started[0])
        status, body = running.ask(at, "GET", f"/1.0/groups/size{SIZES[-1]}/all", ALICE)
        row(f"memory at most while a group of {SIZES[-1]:,} is read, {len(body) / 1e6:.0f} MB ({status})",
            f"{running.resident_mib(started[0], most=True):.0f} MiB, at rest {rest:.0f} MiB",
            f"≤ {rest + ALLOWED:.0f} MiB")  # fmt: skip
