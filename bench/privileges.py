"""Privileges and access checks at size: one long list, many checks, setting one privilege among many."""

import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from bench import running
from bench.report import row
from bench.running import ALICE, QUICK, ROUNDS, SECRET, ask, paired
from onebucket import hashing
from onebucket.actions import accounts, tokens
from onebucket.cli import common
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine import timestamps
from onebucket.store.engine.transaction import Transaction

BUFFER = 1 << 20
PAIRS = 1000
TIMES = 100 if QUICK else 300


@dataclass(frozen=True)
class Size:
    """The size of an account: groups, repositories, members per group, privileges per repository.

    They are spread so that in an account of any size the checked person is in two groups with a privilege there.
    """

    name: str
    groups: int
    members: int
    repositories: int
    privileges: int

    @property
    def people(self) -> int:
        """As many people as put each into two groups."""
        return self.groups * self.members // 2


LIST = Size("list", groups=20, members=20, repositories=1000, privileges=20)
FEW = Size("few", groups=10, members=10, repositories=10, privileges=10)
CHECKED = (
    Size("hundred", groups=10, members=10, repositories=10, privileges=10),
    Size("tenthousand", groups=1000, members=10, repositories=1000, privileges=10),
    Size("hundredthousand", groups=10_000, members=10, repositories=10_000, privileges=10),
)
# All privileges on one repository.
CROWDED = (
    Size("crowdedhundred", groups=100, members=10, repositories=1, privileges=100),
    Size("crowdedtenthousand", groups=10_000, members=10, repositories=1, privileges=10_000),
)
MANY = Size("many", groups=1000, members=10, repositories=1000, privileges=1000)


def make(folder: Path) -> str:
    """Create a database with alice as site admin and one account of each size; return its path."""
    path = folder / "privileges.db"
    opened = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email="alice@example.com")
        tokens.add(work, "alice", secret_hash=hashing.secret_hash(SECRET), scopes=frozenset({"repository:admin"}))
        accounts.change_user(work, "alice", site_admin=True)
        for number, size in enumerate((LIST, FEW, *CHECKED, *CROWDED, MANY), start=1):
            _fill(tx, number, size)
    opened.close()
    return str(path)


def _fill(tx: Transaction, number: int, size: Size) -> None:
    """Insert an account of that size directly into the tables: through the actions it would take minutes."""
    at = timestamps.to_number(datetime.now(UTC))

    def id(kind: int, n: int) -> str:
        return f"{number:08x}-{kind:04x}-4000-8000-{n:012x}"

    def insert(table: str, rows: Iterator[Sequence[Any]]) -> None:
        first, *others = rows
        marks = ", ".join("?" * len(first))
        tx.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [first, *others])

    owner, apart = id(0, 0), size.people // size.members
    insert("accounts", iter([(owner, size.name, size.name, size.name, None, None, 1, 1, 0, None, at, 0, None, 0)]))
    insert(
        "accounts",
        (
            (id(1, n), f"{size.name}-{n}", f"{size.name}-{n}", f"Person Number {n}", f"70121:{id(1, n)}", None, 0, 1, 0,
             None, at, 0, None, 0)
            for n in range(size.people)
        ),
    )  # fmt: skip
    insert("groups", ((owner, id(2, n), f"Group {n}", f"group-{n}", None, 0, 0, None, at, None, None, None, None)
                      for n in range(size.groups)))  # fmt: skip
    insert(
        "memberships",
        (
            (owner, id(2, group), id(1, group % apart + n * apart), at, None, None)
            for group in range(size.groups)
            for n in range(size.members)
        ),
    )
    insert("projects", iter([(owner, id(4, 0), "PROJ", "Default project", "", 1, at, at)]))
    insert(
        "repositories",
        (
            (owner, id(3, n), f"repository-{n}", f"Repository {n}", 1, "", at, at, id(4, 0), "allow_forks", "", 0, 0,
             "main", 1, 1)
            for n in range(size.repositories)
        ),
    )  # fmt: skip
    insert(
        "group_privileges",
        (
            (
                owner,
                id(3, n),
                id(2, (n + group * size.groups // size.privileges) % size.groups),
                1 + n % 3,
                at,
                None,
                None,
            )
            for n in range(size.repositories)
            for group in range(size.privileges)
        ),
    )


@dataclass
class Drained:
    """A long response: seconds to the first byte and to the last, and the length of its body."""

    first: float
    whole: float
    length: int


def drain(at: int, path: str, *, pause: float = 0) -> Drained:
    """Read a long response as fast as possible; wait `pause` seconds after the first chunk."""
    head = "".join(f"{name}: {value}\r\n" for name, value in ALICE.items())
    buffer = bytearray(BUFFER)
    with socket.create_connection(("127.0.0.1", at), timeout=60) as connection:
        begun = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode())
        length = connection.recv_into(buffer)
        first = time.perf_counter() - begun
        time.sleep(pause)
        while got := connection.recv_into(buffer):
            length += got
        return Drained(first, time.perf_counter() - begun, length)


def long_list(folder: Path, at: int, process: Any) -> None:
    """Measure listing all privileges of an account with 1,000 repositories, 20 groups of 20 members: some 180 MB."""
    path = f"/1.0/group-privileges/{LIST.name}"
    ask(at, "GET", f"/1.0/group-privileges/{FEW.name}", ALICE)
    idle = running.resident_mib(process)
    running.forget_most(process)
    firsts = [drain(at, path).first * 1000 for _ in range(ROUNDS)]
    row(f"`GET {path}`, {LIST.repositories} × {LIST.groups} × {LIST.members}: first byte",
        f"{statistics.median(firsts):.0f} ms", "≤ 200 ms")  # fmt: skip
    drain(at, path, pause=2)
    most = running.resident_mib(process, most=True)
    row(f"its memory, also for one who reads slowly, above the idle {idle:.0f} MiB", f"{most - idle:.0f} MiB",
        "≤ 50 MiB")  # fmt: skip

    body = folder / "body"
    body.write_bytes(ask(at, "GET", path, ALICE)[1])
    entries = len(msgspec.json.decode(body.read_bytes()))
    assert entries == LIST.repositories * LIST.privileges, entries
    bare = running.port()
    with running.started("bench.ceiling", str(bare), "bytes", str(body), at=bare):
        pairs = [(drain(at, path), drain(bare, "/")) for _ in range(ROUNDS)]
    ours = statistics.median(mine.length / mine.whole for mine, _ in pairs) / 1e6
    best = statistics.median(other.length / other.whole for _, other in pairs) / 1e6
    ratio = statistics.median(other.whole / mine.whole for mine, other in pairs)
    size = body.stat().st_size / 1e6
    row(f"its {size:.0f} MB: {ours:,.0f} MB/s, the same bytes sent bare from memory: {best:,.0f} MB/s",
        f"{ratio:.2f}", "≥ 0.3")  # fmt: skip
    body.unlink()


def _question(size: Size, n: int = 0) -> tuple[str, str]:
    """Return a person and a repository (`account/slug`) of an account."""
    return f"{size.name}-{n % size.people}", f"{size.name}/repository-{n % size.repositories}"


def _address(size: Size) -> str:
    person, repository = _question(size)
    return f"/api/access/{repository}?user={person}&level=read"


def checks(folder: Path, at: int) -> None:
    """Measure one access check: beside the same bytes sent bare, and in accounts of different sizes."""
    address = _address(CHECKED[1])
    body = folder / "body"
    body.write_bytes(ask(at, "GET", address, ALICE)[1])
    bare = running.port()
    with running.started("bench.ceiling", str(bare), "bytes", str(body), at=bare):
        for how, varying in (("unchanged", False), ("worked out", True)):
            mine, best, ratio = paired((at, address, ALICE), bare, varying=varying)
            row(f"`GET /api/access/…`, {how}: {mine:,.0f}/s, beside the same bytes sent bare: {best:,.0f}/s",
                f"{ratio:.2f}", "≥ 0.3")  # fmt: skip

    _flat("memberships and as many privileges in the account", CHECKED, at)
    _flat("privileges on one repository", CROWDED, at)


def _flat(what: str, sizes: Sequence[Size], at: int) -> None:
    """Compare the cost of an access check in accounts of several sizes; report the ratio of dearest to cheapest."""
    serial = count()

    def once(size: Size) -> float:
        # A new query string, so that no cached response serves it; `limit` is what rates are measured with.
        return running.milliseconds(at, [("GET", f"{_address(size)}&number={next(serial)}")], ALICE, times=1)[0]

    taken = [[once(size) for size in sizes] for _ in range(TIMES)]
    medians = [statistics.median(each) for each in zip(*taken, strict=True)]
    told = ", ".join(
        f"{size.repositories * size.privileges:,}: {ms:.2f} ms" for size, ms in zip(sizes, medians, strict=True)
    )
    row(f"`GET /api/access/…`, worked out, by {what}: {told}", f"{max(medians) / min(medians):.2f}", "0.5–1.5")


def many_at_once(at: int) -> None:
    """Compare a thousand access checks in one request with a single one: from the cache, and computed.

    They are measured separately, because one check right after a thousand takes twice as long as after another one.
    """
    serial = count()

    def body(many: int) -> bytes:
        pairs = [_question(CHECKED[1], n) for n in range(many)]
        return msgspec.json.encode([{"user": user, "repository": there, "level": "read"} for user, there in pairs])

    def same(many: int, times: int) -> float:
        return running.milliseconds(at, [("POST", "/api/access", body(many))], ALICE, times)[0]

    def alone(many: int, times: int) -> float:
        # Trailing blanks make each body different, so that no cached response serves it.
        asks = [("POST", "/api/access", body(many) + b" " * next(serial)) for _ in range(times)]
        return statistics.median(running.milliseconds(at, asks, ALICE, times=1))

    def looked_at(first: int, times: int) -> float:
        # A new query string, so that no cached response serves it.
        asks = [("GET", f"{_address(CHECKED[1])}&once={n}") for n in range(first, first + times)]
        return statistics.median(running.milliseconds(at, asks, ALICE, times=1))

    known = [(same(1, 40), same(PAIRS, 40)) for _ in range(ROUNDS)]
    one, many = (statistics.median(each) for each in zip(*known, strict=True))
    told = f"{one:.2f} ms for one pair, {many:.1f} ms for {PAIRS:,}"
    row(f"`POST /api/access`, unchanged: {told}, in times of one", f"{many / one:.1f}", "≤ 20")

    rounds = [(looked_at(40 * n, 40), alone(1, 40), alone(PAIRS, 10)) for n in range(ROUNDS)]
    get, one, many = (statistics.median(each) for each in zip(*rounds, strict=True))
    told = f"{one:.2f} ms for one pair (`GET`: {get:.2f}), {many:.1f} ms for {PAIRS:,}"
    row(f"`POST /api/access`, worked out: {told}, in times of one", f"{many / one:.1f}", "≤ 10")


def setting(at: int) -> None:
    """Compare setting one privilege in a small account and in one with a million privileges."""
    asks = [
        ("PUT", f"/1.0/group-privileges/{size.name}/repository-1/{size.name}/group-1", level)
        for size in (FEW, MANY)
        for level in (b"read", b"write")
    ]
    small, _, large, _ = running.milliseconds(at, asks, ALICE, times=TIMES)
    row(f"`PUT` of a privilege, on disk: {small:.2f} ms among {FEW.repositories} repositories and groups, "
        f"{large:.2f} ms among {MANY.repositories:,}", f"{large / small:.2f}", "0.5–1.5")  # fmt: skip


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    path = make(folder)
    at = running.port()
    with running.started("onebucket", "serve", "--port", str(at), "--database", f"sqlite:///{path}", at=at) as started:
        long_list(folder, at, started[0])
        checks(folder, at)
        many_at_once(at)
        setting(at)
