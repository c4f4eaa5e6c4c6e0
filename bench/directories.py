"""SCIM: a directory that brings everybody of a company, changes a large group, and looks people up among many."""

import http.client
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import insert

from bench import postgres, running
from bench.report import note, row
from bench.running import QUICK, Missing
from onebucket import hashing
from onebucket.actions import accounts, directories, teams
from onebucket.cli import common
from onebucket.store import schema, tables
from onebucket.store.connect import connect
from onebucket.store.engine import timestamps
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction

KEY = "obd_a-key-for-measuring"
PEOPLE, GROUPS = (1000, 50) if QUICK else (10_000, 500)
FEW, MANY = 1000, 20_000 if QUICK else 100_000
TIMES = 10 if QUICK else 40
IN_EACH = 20

_LOOK_UPS = {
    "`userName eq`": 'userName eq "person-{n}@corp.example"',
    "`externalId eq`": 'externalId eq "x{n}"',
    '`emails[type eq "work"].value eq`': 'emails[type eq "work"].value eq "person-{n}@corp.example"',
    "`displayName eq`": 'displayName eq "Person {n}"',
    "`id eq`": 'id eq "{id}"',
}


@dataclass(frozen=True)
class Filled:
    """A directory at an address, with so many people."""

    number: int
    base: str
    people: int


def _make(url: str) -> tuple[str, list[Filled]]:
    """Create the directories of three teams: one that knows nobody yet, one of few people and one of many."""
    opened = connect(url)
    schema.bring_up_to_date(opened)
    bases = []
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email="alice@example.com")
        filled = []
        for number, (name, people) in enumerate({"new": 0, "few": FEW, "many": MANY}.items()):
            team = teams.add(work, name, administrator="alice")
            secret = hashing.secret_hash(f"{KEY}-{number}")
            added = directories.add(work, name, secret_hash=secret, domains=["corp.example"])
            bases.append(f"/scim/v2/{added.directory.id}")
            _fill(tx, number, team.id, added.directory.id, people)
            filled.append(Filled(number, bases[-1], people))
    if url.startswith("postgresql:"):
        # Autovacuum would do this after a while.
        opened.connect().execute("ANALYZE")
    opened.close()
    return bases[0], filled[1:]


def _id(team: int, number: int) -> str:
    return f"{number * 2654435761 % 2**32:08x}-000{team}-4000-8000-{number:012x}"


def _fill(tx: Transaction, team: int, account_id: str, directory_id: str, people: int) -> None:
    """Insert people directly into the tables: through the actions it would take minutes."""
    at = timestamps.to_number(datetime.now(UTC))
    of_account = {"display_name": "P", "aaid": None, "nickname": None, "is_team": False, "is_active": True,
                  "site_admin": False, "password_hash": None, "created_at": at, "revision": 0, "stamp": None,
                  "has_second_factor": False}  # fmt: skip
    of_person = {"account_id": account_id, "directory_id": directory_id, "is_brought": True, "is_held": False,
                 "changed_at": at}  # fmt: skip
    ids = [_id(team, number) for number in range(people)]
    names = [f"person-{number}@corp.example" for number in range(people)]
    tx.run_many(
        Statement(insert(tables.accounts)),
        [{**of_account, "id": id, "username": id, "username_key": id} for id in ids],
    )
    tx.run_many(
        Statement(insert(tables.directory_people)),
        [
            {
                **of_person,
                "person_id": id,
                "user_name": name,
                "user_name_key": name,
                "external_id": f"x{number}",
                "email_key": name,
                "display_name_key": f"person {number}",
                "created_at": at + number,
                "profile": msgspec.json.encode(_attributes(number)).decode(),
            }
            for number, (id, name) in enumerate(zip(ids, names, strict=True))
        ],
    )


def _attributes(number: int) -> dict[str, Any]:
    name = f"person-{number}@corp.example"
    return {
        "displayName": f"Person {number}",
        "name": {"givenName": "Person", "familyName": f"{number}"},
        "emails": [{"value": name, "type": "work", "primary": True}],
    }


class _Provider:
    """An identity provider that sends one request after the other on one connection."""

    def __init__(self, at: int, base: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", at, timeout=120)
        self._base = base
        self._headers = {"Authorization": f"Bearer {KEY}-0", "Content-Type": "application/scim+json"}

    def __call__(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._connection.request(method, f"{self._base}{path}", msgspec.json.encode(body), self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise Missing(f"{method} {path} was answered {answer.status}: {said[:200]!r}")
        found: dict[str, Any] = msgspec.json.decode(said)
        return found


class _Stopwatch:
    """Seconds that passed, and those that the server's processors took, since it was made."""

    def __init__(self, pid: int) -> None:
        self._pid, self._begun, self._before = pid, time.perf_counter(), running.processor(pid)

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._begun, running.processor(self._pid) - self._before


def _bring(at: int, pid: int, base: str) -> None:
    """Measure bringing everybody one by one, and a PATCH with all of them."""
    provider, clock = _Provider(at, base), _Stopwatch(pid)
    ids = [provider("POST", "/Users", _user(number))["id"] for number in range(PEOPLE)]
    for number in range(GROUPS):
        members = [{"value": ids[(number * 37 + each) % PEOPLE]} for each in range(IN_EACH)]
        provider("POST", "/Groups", {"displayName": f"Group {number}", "members": members})
    wall, processor = clock.read()
    row(f"**w** {PEOPLE:,} people and {GROUPS} groups of {IN_EACH}, one by one on one connection; "
        f"the server's processor time {processor:.1f} s", f"{wall:.1f} s", "≤ 60 s")  # fmt: skip

    everybody = provider("POST", "/Groups", {"displayName": "Everybody"})["id"]
    path = f"/Groups/{everybody}?excludedAttributes=members"
    for op in ("add", "remove"):
        operation = {"op": op, "path": "members", "value": [{"value": id} for id in ids]}
        clock = _Stopwatch(pid)
        provider("PATCH", path, {"Operations": [operation]})
        wall, processor = clock.read()
        row(f"**w** `PATCH` that {op}s {PEOPLE:,} members; the server's processor time {processor:.2f} s",
            f"{wall:.2f} s", "≤ 2 s")  # fmt: skip


def _user(number: int) -> dict[str, Any]:
    name = f"new-{number}@corp.example"
    emails = [{"value": name, "type": "work", "primary": True}]
    return _attributes(number) | {"userName": name, "externalId": f"n{number}", "active": True, "emails": emails}


def _asks(filled: Filled) -> Iterator[tuple[str, str]]:
    number = filled.people * 3 // 4
    for name, text in _LOOK_UPS.items():
        wanted = text.format(n=number, id=_id(filled.number, number))
        yield name, f"{filled.base}/Users?filter={quote(wanted)}"
    yield "the first page of 100", f"{filled.base}/Users?count=100"
    yield "the last page of 100", f"{filled.base}/Users?count=100&startIndex={filled.people - 99}"


def _look_up(at: int, pid: int, filled: Sequence[Filled], database: str) -> None:
    """Measure look-ups and pages in turn: among few people and among many."""
    for (name, few), (_, many) in zip(*map(_asks, filled), strict=True):
        wall: list[list[float]] = [[], []]
        processor = [0.0, 0.0]
        for _ in range(5):
            for slot, path in enumerate((few, many)):
                headers = {"Authorization": f"Bearer {KEY}-{filled[slot].number}"}
                clock = _Stopwatch(pid)
                wall[slot] += running.milliseconds(at, [("GET", path)], headers, TIMES)
                processor[slot] += clock.read()[1]
        medians, costs = [statistics.median(each) for each in wall], [each / (5 * TIMES) * 1000 for each in processor]
        row(f"**x** on {database}: {name}, among {FEW:,} people {medians[0]:.1f} ms, among {MANY:,} "
            f"{medians[1]:.1f} ms; the server's processor time {costs[0]:.1f} and {costs[1]:.1f} ms",
            f"{medians[1] / medians[0]:.2f}")  # fmt: skip


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    _on(f"sqlite:///{folder / 'directories.db'}", "SQLite", brings=True)
    with ExitStack() as stack:
        try:
            url, _ = stack.enter_context(postgres.durable())
        except Missing as missing:
            note(str(missing))
            return
        _on(url, "PostgreSQL", brings=False)


def _on(url: str, database: str, *, brings: bool) -> None:
    base, filled = _make(url)
    at = running.port()
    with running.started("onebucket", "serve", "--port", str(at), "--database", url, at=at) as (process, _):
        if brings:
            _bring(at, process.pid, base)
        _look_up(at, process.pid, filled, database)
