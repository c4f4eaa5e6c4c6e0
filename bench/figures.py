"""The benchmarks with targets: three jobs beside their ceilings and other products, large responses, start, import."""

import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from bench import making, peers, postgres, running
from bench.peers import Peer
from bench.report import drawn, note, row
from bench.running import ALICE, CHANGED, QUICK, ROUNDS, Change, Measured, Missing, Question, ask, in_turn

READ, CHECK, MANY = "/1.0/groups/acme/ten", "/api/access/acme/rocket?user=person-3&level=read", "/1.0/groups/kubernetes"
_MEMBER = "/1.0/groups/acme/changing/members/person-%d"
CHANGE = Change(ALICE, ("PUT", _MEMBER), ("DELETE", _MEMBER))
TIMES = 10 if QUICK else 30

OURS, ANEW, CEILING = "onebucket", "onebucket, worked out", "ceiling"
# For each product: the letter of its rows, and our target as a multiple of its rate for reads and for changes.
WANTED = {"Kinto": ("g", 10, 3), "PocketBase": ("h", 5, 1.5), peers.DURABLE: ("h", 5, 2.5)}


@contextmanager
def serving(url: str, *arguments: str) -> Iterator[int]:
    """Run our server on a database; yield its port."""
    at = running.port()
    with running.started("onebucket", "serve", "--port", str(at), "--database", url, *arguments, at=at):
        yield at


@contextmanager
def bare(kind: str, *arguments: str) -> Iterator[int]:
    """Run a ceiling (`bench.ceiling`); yield its port."""
    at = running.port()
    with running.started("bench.ceiling", str(at), kind, *arguments, at=at):
        yield at


def numbers() -> Iterator[int]:
    """Yield the first member number for each run of changes, so that runs never overlap."""
    return count(0, CHANGED)


def sent_bare(stack: ExitStack, folder: Path, at: int, path: str) -> int:
    """Run a ceiling that sends the bytes of our response to `path`; return its port."""
    file = folder / f"body-{running.port()}"
    file.write_bytes(ask(at, "GET", path, ALICE)[1])
    return stack.enter_context(bare("bytes", str(file)))


def asking(at: int, path: str, ceiling: int, others: Mapping[str, tuple[int, Question]]) -> Measured:
    """Measure one read in turn: ours from the cache, ours computed, the ceiling, and others."""
    runs: dict[str, Callable[[], float]] = {
        OURS: partial(running.answered, at, Question(path, ALICE)),
        ANEW: partial(running.answered, at, Question(path, ALICE, varying=True)),
        CEILING: partial(running.answered, ceiling, Question("/", {})),
    }
    ports = {OURS: at, ANEW: at, CEILING: ceiling} | {name: port for name, (port, _) in others.items()}
    return in_turn(runs | {name: partial(running.answered, *asked) for name, asked in others.items()}, at=ports)


def changing(changes: Mapping[str, tuple[int, Change]]) -> Measured:
    """Measure adding and removing members in turn."""
    begin = {name: numbers() for name in changes}

    def run(name: str) -> float:
        at, change = changes[name]
        return running.changed(at, change, first=next(begin[name]))

    return in_turn({name: partial(run, name) for name in changes}, at={name: at for name, (at, _) in changes.items()})


def told(what: str, measured: Measured, target: str, *, ceiling: str = "the same bytes sent bare") -> None:
    """Print a row: ours beside the ceiling; then ours without the cache, and CPU times."""
    row(f"{what}: {measured.median(OURS):,.0f}/s, {ceiling}: {measured.median(CEILING):,.0f}/s",
        f"{measured.ratio(OURS, CEILING):.2f}", target)  # fmt: skip
    if ANEW in measured.found:
        row(f"the same, worked out each time: {measured.median(ANEW):,.0f}/s", f"{measured.ratio(ANEW, CEILING):.2f}")
    if measured.processor:
        costs = {name: statistics.median(taken) for name, taken in measured.processor.items()}
        told = ", ".join(f"{name} {cost:,.0f} µs" for name, cost in costs.items() if name != OURS)
        row(f"its processor time, the ceiling's in times of it: {costs[OURS]:,.0f} µs; {told}",
            f"{costs[CEILING] / costs[OURS]:.2f}")  # fmt: skip


def started_peers(stack: ExitStack, folder: Path) -> list[Peer]:
    """Start the other products that are installed or can be."""
    found = []
    try:
        programs = peers.environment()
        for start in (peers.kinto, peers.pocketbase, peers.durable_pocketbase):
            found.append(stack.enter_context(start(programs, folder / start.__name__)))
    except Missing as missing:
        note(str(missing))
    return found


def on_postgresql(folder: Path) -> None:
    """Measure the three jobs on PostgreSQL with two workers; the ceiling of changes commits to it too."""
    with ExitStack() as stack:
        try:
            url, _ = stack.enter_context(postgres.durable())
        except Missing as missing:
            note(str(missing))
            return
        making.make(url, people=CHANGED * ROUNDS + 1)
        at = stack.enter_context(serving(url, "--workers", "2"))
        body = folder / "member"
        body.write_bytes(ask(at, "PUT", _MEMBER % (CHANGED * ROUNDS), ALICE)[1])
        for what, path in (("`GET` one group with 10 members", READ), ("`GET /api/access/…`", CHECK)):
            measured = asking(at, path, sent_bare(stack, folder, at, path), {})
            told(f"**f** on PostgreSQL, 2 workers: {what}", measured, "≥ 0.4")
        commits = stack.enter_context(bare("commits", url, str(body)))
        measured = changing({OURS: (at, CHANGE), CEILING: (commits, CHANGE)})
        told("**f** on PostgreSQL, 2 workers: `PUT` and `DELETE` of a member", measured, "≥ 0.25",
             ceiling="bare group commits of one row")  # fmt: skip


def side_by_side(at: int, folder: Path) -> None:
    """Measure reading a group, checking access and changing a member: ours, the ceilings, other products."""
    with ExitStack() as stack:
        changed_too = started_peers(stack, folder)
        # Reading doesn't depend on how a change is written.
        others = [each for each in changed_too if each.name != peers.DURABLE]
        read = asking(
            at, READ, sent_bare(stack, folder, at, READ), {each.name: (each.at, each.read) for each in others}
        )
        told("**a** `GET` one group with 10 members", read, "≥ 0.5")

        check = asking(at, CHECK, sent_bare(stack, folder, at, CHECK),
                       {each.name: (each.at, each.check) for each in others})  # fmt: skip
        told("**d** `GET /api/access/…`", check, "≥ 0.5")

        body = folder / "member"
        body.write_bytes(ask(at, "PUT", _MEMBER % (making.PEOPLE - 1), ALICE)[1])
        commits = stack.enter_context(bare("commits", str(folder / "bare.db"), str(body)))
        change = changing({OURS: (at, CHANGE), CEILING: (commits, CHANGE)}
                          | {each.name: (each.at, each.change) for each in changed_too})  # fmt: skip
        told("**e** `PUT` and `DELETE` of a member, 32 connections, journal row included", change, "≥ 0.25",
             ceiling="bare group commits of one row")  # fmt: skip

        jobs = {"Read a group of 10": read, "Check access": check, "Change a member": change}
        for job, measured in jobs.items():
            drawn.bars[job] = {name: measured.ratio(name, CEILING) for name in measured.found if name != CEILING}
        for each in others:
            _beside(each.name, jobs)
        if changed_too != others:
            _beside(peers.DURABLE, {"Change a member": change})


def while_others_change(at: int) -> None:
    """Measure reading a group of one account while two connections change a group of another account."""
    member = "/1.0/groups/another/changing/members/person-%d"
    change, begin = Change(ALICE, ("PUT", member), ("DELETE", member)), numbers()

    def both() -> float:
        with ThreadPoolExecutor(1) as beside:
            changing = beside.submit(running.changed, at, change, first=next(begin), connections=2)
            read = running.answered(at, Question(READ, ALICE))
            changes.append(changing.result())
        return read

    changes: list[float] = []
    before = running.told_by_metrics(at)
    measured = in_turn({"alone": partial(running.answered, at, Question(READ, ALICE)), "both": both})
    after = running.told_by_metrics(at)
    recalled, worked_out = (after[name] - before[name] for name in (
        "onebucket_answers_recalled", "onebucket_answers_worked_out"))  # fmt: skip
    row(f"**a** while another account is changed {statistics.median(changes):,.0f} times a second: "
        f"{measured.median('both'):,.0f}/s, {recalled / (recalled + worked_out):.1%} of all from memory; "
        "in times of alone", f"{measured.ratio('both', 'alone'):.2f}")  # fmt: skip


def _beside(name: str, jobs: Mapping[str, Measured]) -> None:
    letter, asked, changed = WANTED[name]
    for job, measured in jobs.items():
        target = changed if job == "Change a member" else asked
        anew = f"; worked out each time {measured.ratio(ANEW, name):.1f}" if ANEW in measured.found else ""
        row(f"**{letter}** {job.lower()}, in times of {name} ({measured.median(name):,.0f}/s, "
            f"{measured.ratio(name, CEILING):.3f} of the ceiling)",
            f"{measured.ratio(OURS, name):.1f}{anew}", f"≥ {target:g}")  # fmt: skip


def many_groups(at: int, path: str, folder: Path) -> None:
    """Measure a list of 284 groups: from the cache, and right after a change beside a hand-written join."""
    with ExitStack() as stack:
        ceiling = sent_bare(stack, folder, at, MANY)
        measured = in_turn({
            OURS: partial(running.answered, at, Question(MANY, ALICE)),
            CEILING: partial(running.answered, ceiling, Question("/", {})),
        })  # fmt: skip
        told("**b** `GET` 284 groups with their members", measured, "≥ 0.7")

        joined = stack.enter_context(bare("join", path, "kubernetes", f"http://127.0.0.1:{at}"))
        same = sorted(ask(joined, "GET", "/", {})[1]) == sorted(ask(at, "GET", MANY, ALICE)[1])
        slug = msgspec.json.decode(ask(at, "GET", MANY, ALICE)[1])[0]["slug"]
        member = f"{MANY}/{slug}/members/newcomer"
        after = in_turn({"ours": partial(_after_a_change, at, MANY, member, at),
                         "join": partial(_after_a_change, joined, "/", member, at)})  # fmt: skip
        row(f"**c** the same right after a change: {after.median('ours'):.1f} ms, a hand-written join with msgspec "
            f"{after.median('join'):.1f} ms ({'the same' if same else 'OTHER'} bytes)",
            f"{after.ratio('ours', 'join'):.2f}", "≤ 2")  # fmt: skip


def _after_a_change(asked: int, path: str, member: str, at: int) -> float:
    """Return the median time of a request that is sent right after each change."""
    connection = http.client.HTTPConnection("127.0.0.1", asked, timeout=30)
    taken = []
    for number in range(TIMES):
        ask(at, ("PUT", "DELETE")[number % 2], member, ALICE)
        begun = time.perf_counter()
        connection.request("GET", path, headers=ALICE)
        connection.getresponse().read()
        taken.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return statistics.median(taken)


def starting(url: str) -> None:
    """Measure the time from start to first response."""
    starts = []
    for _ in range(ROUNDS):
        at = running.port()
        with running.started("onebucket", "serve", "--port", str(at), "--database", url, at=at) as (_, seconds):
            starts.append(seconds)
    row("**j** start to first answer", f"{statistics.median(starts):.2f} s", "≤ 1 s")


def importing(folder: Path) -> None:
    """Measure importing a document with 100 groups of 1,000 members into an empty database."""
    groups, members = 100, 1000
    document = folder / "large.json"
    people = [f"person-{n}" for n in range(10 * members)]
    document.write_bytes(msgspec.json.encode({
        "onebucket": 1,
        "users": [{"username": name, "email": f"{name}@example.com"} for name in people],
        "teams": [{"username": "large", "groups": [
            {"name": "Administrators", "account_privilege": "admin", "members": people[:1]},
            *({"name": f"Group {n}", "members": [people[(n * 37 + k) % len(people)] for k in range(members)]}
              for n in range(groups)),
        ]}],
    }))  # fmt: skip
    command = [sys.executable, "-m", "onebucket", "apply", str(document), "--yes"]
    begun = time.perf_counter()
    subprocess.run([*command, "--database", f"sqlite:///{folder / 'large.db'}"], check=True, capture_output=True)
    row(f"**k** import of a document with {groups * members:,} memberships and {len(people):,} people",
        f"{time.perf_counter() - begun:.1f} s", "≤ 20 s")  # fmt: skip


def took(seconds: float | None) -> str:
    """Format seconds; say so if nothing was measured because the input isn't there."""
    return "not measured: its files aren't here" if seconds is None else f"{seconds:.1f} s"


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    path = folder / "bench.db"
    seconds = making.make(f"sqlite:///{path}")
    with serving(f"sqlite:///{path}") as at:
        side_by_side(at, folder)
        while_others_change(at)
        many_groups(at, str(path), folder)
    on_postgresql(folder)
    starting(f"sqlite:///{path}")
    importing(folder)
    row("import of a real organisation with 284 groups and 1,690 memberships", took(seconds))
