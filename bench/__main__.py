"""`./dev bench`: make the data, start the server and its ceilings, run them in turn, print medians and ratios."""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import letters, limits, pages, privileges, running
from bench.running import ALICE, ROUNDS, SECRET, Missing, ask, paired, row
from onebucket import hashing
from onebucket.actions import accounts, groups, teams, tokens
from onebucket.actions.work import Work
from onebucket.cli import common
from onebucket.store import database, schema

ORGANISATIONS = Path(__file__).parents[2] / "shared" / "data" / "kubernetes-org"


def make(folder: Path) -> str:
    """A database with one account of 284 groups and one with a group of 10 and one of 10,000; its path."""
    path = folder / "bench.db"
    if (ORGANISATIONS / "kubernetes").is_dir():
        command = ["import", "peribolos", str(ORGANISATIONS / "kubernetes"), "--database", f"sqlite:///{path}"]
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "onebucket", *command], check=True, capture_output=True)
        row("import of 284 groups with 1,690 memberships", f"{time.perf_counter() - begun:.1f} s", "")
    opened = database.at(f"sqlite:///{path}")
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email="alice@example.com", password_hash=hashing.password_hash("password"))
        tokens.add(
            work,
            "alice",
            secret_hash=hashing.secret_hash(SECRET),
            scopes=frozenset({"account:write"}),
        )
        accounts.change_user(work, "alice", site_admin=True)
        teams.add(work, "acme", administrator="alice")
        for name in ("Ten", "Big"):
            groups.create(work, "acme", name=name)
        for number in range(10_000):
            accounts.add_user(work, f"person-{number}", email=f"person-{number}@example.com")
            groups.add_member(work, "acme", "big", f"person-{number}")
            if number < 10:
                groups.add_member(work, "acme", "ten", f"person-{number}")
        accounts.add_user(work, "newcomer", email="newcomer@example.com")
        if "kubernetes" not in accounts.owners(work):
            _make_up_kubernetes(work)
    opened.close()
    return str(path)


def _make_up_kubernetes(work: Work) -> None:
    """As many groups and memberships as the real one has, where its files aren't there."""
    teams.add(work, "kubernetes", administrator="alice")
    for number in range(284):
        groups.create(work, "kubernetes", name=f"team {number}")
    for number in range(1690):
        groups.add_member(work, "kubernetes", f"team-{number % 284}", f"person-{number * 7 % 1276}")


def reads(path: str, at: int, folder: Path) -> None:
    """Reading one group and 284, beside sending the same bytes and beside a hand-written join."""
    one, many = "/1.0/groups/acme/ten", "/1.0/groups/kubernetes"
    for what, address, targets in (
        ("one group with 10 members", one, ("≥ 0.25", "")),
        ("284 groups with their members", many, ("", "")),
    ):
        body = folder / "body"
        body.write_bytes(ask(at, "GET", address, ALICE)[1])
        bare = running.port()
        with running.started("bench.ceiling", str(bare), "bytes", str(body), at=bare):
            for how, varying, target in (("unchanged", False, targets[0]), ("worked out", True, targets[1])):
                mine, best, ratio = paired((at, address, ALICE), bare, varying=varying)
                row(f"`GET` {what}, {how}: {mine:,.0f}/s, beside the same bytes sent bare: {best:,.0f}/s",
                    f"{ratio:.2f}", target)  # fmt: skip

    joined = running.port()
    with running.started("bench.ceiling", str(joined), "join", path, "kubernetes", f"http://127.0.0.1:{at}", at=joined):
        same = sorted(ask(joined, "GET", "/", {})[1]) == sorted(ask(at, "GET", many, ALICE)[1])
        mine, best, ratio = paired((at, many, ALICE), joined, varying=True)
        what = "284 groups, worked out, in times of a hand-written join with msgspec"
        row(f"`GET` {what} ({'the same' if same else 'OTHER'} bytes)", f"{1 / ratio:.2f}", "≤ 3")


def writes(at: int) -> None:
    """Putting a person into a small and a large group."""
    asks = [(method, f"/1.0/groups/acme/{group}/members/newcomer")
            for group in ("ten", "big") for method in ("PUT", "DELETE")]  # fmt: skip
    small, _, large, _ = running.milliseconds(at, asks, ALICE, times=300)
    row(
        f"`PUT` of a member, on disk: {small:.2f} ms into 10, {large:.2f} ms into 10,000",
        f"{large / small:.2f}",
        "0.5–1.5",
    )


def measure(folder: Path) -> None:
    """Everything, a line at a time."""
    path = make(folder)
    at = running.port()
    arguments = ["serve", "--port", str(at), "--database", f"sqlite:///{path}"]

    starts = []
    for _ in range(ROUNDS):
        with running.started("onebucket", *arguments, at=at) as (_, seconds):
            starts.append(seconds)
    row("start to first answer", f"{statistics.median(starts):.2f} s", "≤ 1.5 s")

    with running.started("onebucket", *arguments, at=at) as (process, _):
        reads(path, at, folder)
        writes(at)
        row("memory after all of this", f"{running.resident_mib(process):.0f} MiB", "≤ 120 MiB")


def main() -> None:
    """Measure, and print a table."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}; medians of {ROUNDS} "
          f"runs in turn of {running.SECONDS} s with {running.CONNECTIONS} connections\n")  # fmt: skip
    print("| what | measured | to reach |\n|---|---|---|")
    try:
        with tempfile.TemporaryDirectory(prefix="onebucket-bench-") as folder:
            measure(Path(folder))
            limits.measure(Path(folder) / "bench.db")
            privileges.measure(Path(folder))
            letters.measure(Path(folder))
            pages.measure(Path(folder))
    except Missing as missing:
        sys.exit(f"bench: {missing}")


main()
