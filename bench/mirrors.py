"""What a mirror of a real organisation takes: its import over HTTP, a full comparison, and changes while they come."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import pages, running
from bench.making import ORGANISATIONS
from bench.report import note, row
from onebucket import slugs
from onebucket.actions import journal, privileges
from onebucket.cli import common
from onebucket.domain.events import Event
from onebucket.domain.privileges import Level
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database
from onebucket.testing import Double
from onebucket.transfer import document, peribolos

NAME = pages.NAME
FILES = ORGANISATIONS / NAME
PER_SECOND = 20
SECONDS = 5 if running.QUICK else 30
# How long the last change may take to arrive before the measurement gives up.
SETTLING_SECONDS = 120

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Took:
    """What a command took: seconds, seconds of processor time, and the most memory, in MiB."""

    seconds: float
    processor: float
    mib: float

    @property
    def cost(self) -> str:
        """Everything but the seconds, as words."""
        return f"{self.processor:.1f} s of processor time, {self.mib:.0f} MiB at most"


def _took(folder: Path, environment: Mapping[str, str], *arguments: str) -> Took:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "onebucket", *arguments]
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said) as process,
    ):
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise running.Missing(f"onebucket {' '.join(arguments)}: {(folder / 'said').read_text()[-2000:]}")
    return Took(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _places(state: Mapping[str, Any]) -> list[Place]:
    """Return repositories with members who may administer none: to let them is one request for each."""
    [team] = state["teams"]
    giving = {slug for each in team["repositories"] for slug in each.get("privileges", {})}
    members: dict[bool, set[str]] = {True: set(), False: set()}
    for each in team["groups"]:
        slug = each.get("slug") or slugs.slugify(each["name"])
        gives = slug in giving or each.get("permission") == "admin" or each.get("account_privilege") == "admin"
        members[gives] |= {*each["members"]}
    people = sorted(members[False] - members[True])
    names = [each["slug"] for each in team["repositories"]]
    return [(people[number % len(people)], names[number % len(names)]) for number in range(PER_SECOND * SECONDS)]


def _change(database: Database, places: list[Place]) -> dict[Place, datetime]:
    """Grant the places as many a second as are to be; return when each was committed."""
    changed: dict[Place, datetime] = {}
    begun = time.perf_counter()
    for number, (person, slug) in enumerate(places):
        time.sleep(max(0.0, begun + number / PER_SECOND - time.perf_counter()))
        with database.writing() as tx:
            privileges.grant_direct(common.work(tx), NAME, slug, person, Level.ADMIN)
        changed[person, slug] = datetime.now(UTC)
    return changed


def _arrived(database: Database, changed: Mapping[Place, datetime], since: datetime) -> dict[Place, datetime]:
    """Wait until all have arrived; return when the host had answered each, as the journal has it."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while True:
        with database.reading() as tx:
            found = {
                (str((each.after or {})["user"]), each.subject): each.at
                for each in journal.entries(common.work(tx), NAME, since=since)
                if each.event is Event.MIRROR_SET
            }
        if changed.keys() <= found.keys():
            return {place: found[place] for place in changed}
        if time.monotonic() > deadline:
            raise running.Missing(f"{len(changed.keys() - found.keys()):,} of {len(changed):,} changes did not arrive")
        time.sleep(0.5)


def measure(folder: Path) -> None:
    """Import a real organisation from a double, compare it, and change it while a mirror follows."""
    if not FILES.is_dir():
        note("Mirrors are not measured: the files of the real organisation aren't here.")
        return
    [organization] = peribolos.read([FILES])
    seed = folder / "seed.yaml"
    seed.write_text(document.write(peribolos.to_document(organization), "yaml"))
    with Double(seed=[seed]) as host:
        state = host.state()
        [administrators] = [each for each in state["teams"][0]["groups"] if each.get("account_privilege") == "admin"]
        token = host.api_token(administrators["members"][0])
        environment = os.environ | {
            "ONEBUCKET_DATA": str(folder), "BITBUCKET_USERNAME": token.username, "BITBUCKET_TOKEN": token.password,
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        (folder / "onebucket.toml").write_text(
            f'[mirror.cloud]\naccount = "{NAME}"\nworkspace = "{NAME}"\napi = "{host.url}"\nmode = "apply"\n'
            f'username = "{token.username}"\ntoken_env = "BITBUCKET_TOKEN"\nrequests_per_hour = 1000000\n'
        )
        size = f"{len(state['teams'][0]['repositories'])} repositories and {len(state['users']):,} people"
        took = _took(folder, environment, "import", "bitbucket", NAME, "--api", host.url)
        asked = len(host.requests)
        row(f"import of {size}: {asked:,} requests, {took.cost}", f"{took.seconds:.1f} s", "≤ 60 s, ≤ 200 MiB")
        host.behave(rate_limit=0)
        took = _took(folder, environment, "mirror", "diff")
        asked = len(host.requests) - asked
        row(f"a full comparison: {asked:,} requests, {took.cost}", f"{took.seconds:.1f} s", "≤ 60 s, ≤ 1,000 requests")
        _follow(folder, environment, _places(state))


def _follow(folder: Path, environment: Mapping[str, str], places: list[Place]) -> None:
    """Change the places while a mirror follows, and measure when each arrives."""
    command = [sys.executable, "-m", "onebucket", "mirror", "follow"]
    with (
        closing(connect(f"sqlite:///{folder / 'onebucket.db'}")) as database,
        (folder / "followed").open("wb") as said,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=said) as follower,
    ):
        assert follower.stdout is not None
        try:
            # It has compared everything then.
            follower.stdout.readline()
            before, since = running.processor(follower.pid), datetime.now(UTC)
            changed = _change(database, places)
            arrived = _arrived(database, changed, since)
            processor = running.processor(follower.pid) - before
        finally:
            follower.terminate()
    seconds = [(arrived[place] - changed[place]).total_seconds() for place in changed]
    row(f"{PER_SECOND} changes a second here for {SECONDS} s, until each is there; the slowest {max(seconds):.1f} s, "
        f"{processor / len(seconds) * 1000:.0f} ms of processor time for each",
        f"{statistics.median(seconds):.1f} s", "≤ 5 s")  # fmt: skip
