"""Eight real organisations, brought in by the command while a server serves, and read back over HTTP."""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
import yaml

from checkout import TOP
from live import Live

REAL = TOP.parent / "shared" / "data" / "kubernetes-org"
NAMES = (
    "etcd-io",
    "kubernetes",
    "kubernetes-client",
    "kubernetes-csi",
    "kubernetes-incubator",
    "kubernetes-nightly",
    "kubernetes-retired",
    "kubernetes-sigs",
)
PASSWORD = "of all eight"

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(not REAL.is_dir(), reason=f"the eight real organisations are not beside the checkout ({REAL})"),
]


@dataclass(frozen=True)
class Told:
    """An organisation as its files tell of it: the people in each team, and in all of it, in lower case."""

    teams: Mapping[str, set[str]]
    admins: set[str]
    everyone: set[str]


def lower(names: list[str] | None) -> set[str]:
    return {str(name).lower() for name in names or ()}


def teams_in(found: Mapping[str, Any] | None) -> Iterator[tuple[str, set[str]]]:
    """Every team's name and people, nested teams too."""
    for name, team in (found or {}).items():
        yield name, lower(team.get("members")) | lower(team.get("maintainers"))
        yield from teams_in(team.get("teams"))


@cache
def told_by_files(name: str) -> Told:
    """An organisation read by nothing of ours."""
    loaded = {path: yaml.load(path.read_text(), yaml.CSafeLoader) for path in (REAL / name).rglob("*.yaml")}
    org = loaded[REAL / name / "org.yaml"]
    teams = dict(each for file in loaded.values() for each in teams_in(file.get("teams")))
    return Told(teams, lower(org["admins"]), lower(org["admins"]) | lower(org.get("members")))


@pytest.fixture(scope="module")
def brought_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Mapping[str, str]]]:
    """A server, and what the command printed of each organisation that it brought in meanwhile."""
    with Live(tmp_path_factory.mktemp("real"), admin_password=PASSWORD) as running:
        printed = {}
        for name in NAMES:
            done = running.run("import", "peribolos", REAL / name)
            assert done.returncode == 0 and re.fullmatch(r"in the database .*\n", done.stderr), name
            printed[name] = done.stdout
        yield running, printed


@pytest.fixture
def admin(brought_in: tuple[Live, Mapping[str, str]]) -> Iterator[httpx.Client]:
    """A client of the server as its site administrator."""
    running, _ = brought_in
    with httpx.Client(base_url=f"{running.base}/1.0", auth=("admin", PASSWORD), timeout=60) as client:
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_every_team_is_a_group_with_its_people_and_there_is_nothing_else(admin: httpx.Client, name: str) -> None:
    told = told_by_files(name)

    groups = admin.get(f"/groups/{name}").raise_for_status().json()

    people = {group["name"]: [member["username"].lower() for member in group["members"]] for group in groups}
    own = {group: set(members) for group, members in people.items() if group not in told.teams}
    # The organisation itself is two groups: its administrators, and everyone.
    assert sorted(own.values(), key=len) == sorted([told.admins, told.everyone], key=len)
    assert own["administrators"] == told.admins
    assert {group: set(members) for group, members in people.items() if group in told.teams} == told.teams
    assert all(len(members) == len(set(members)) for members in people.values())
    assert [group["slug"] for group in groups] == sorted({group["slug"] for group in groups})
    assert {group["owner"]["username"] for group in groups} == {name}


@pytest.mark.parametrize("name", NAMES)
def test_each_group_can_be_read_on_its_own(admin: httpx.Client, name: str) -> None:
    groups = admin.get(f"/groups/{name}").json()

    for group in random.Random(name).sample(groups, min(12, len(groups))):
        assert admin.get(f"/groups/{name}/{group['slug']}").json() == group
        assert admin.get(f"/groups/{name}/{group['slug']}/members").json() == group["members"]


def test_one_list_holds_all_of_them(admin: httpx.Client) -> None:
    everything = admin.get("/groups", params={"exclude_members": "true"}).json()

    counts = {name: sum(group["owner"]["username"] == name for group in everything) for name in NAMES}
    assert counts == {name: len(told_by_files(name).teams) + 2 for name in NAMES}
    assert sum(counts.values()) == len(everything) == 766 + 2 * len(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("kubernetes-incubator", "kubernetes-retired")])
def test_members_taken_out_and_put_back_are_the_same_in_the_order_they_were_put(admin: httpx.Client, name: str) -> None:
    teams = told_by_files(name).teams
    groups = [group for group in admin.get(f"/groups/{name}").json() if group["name"] in teams]
    for group in sorted(groups, key=lambda each: -len(each["members"]))[:2]:
        path = f"/groups/{name}/{group['slug']}/members"
        before = [member["username"] for member in group["members"]]
        order = random.Random(group["slug"]).sample(before, len(before))

        assert {admin.delete(f"{path}/{username}").status_code for username in before} == {204}
        assert admin.get(path).json() == []
        put = [admin.put(f"{path}/{username}").json() for username in order]

        assert admin.get(path).json() == put
        assert [member["username"] for member in put] == order
        assert sorted(put, key=str) == sorted(group["members"], key=str)


def test_the_command_says_how_much_it_brought(brought_in: tuple[Live, Mapping[str, str]]) -> None:
    _, printed = brought_in

    for name in NAMES:
        told = told_by_files(name)
        memberships = sum(map(len, told.teams.values()))
        assert f" as {name}: {len(told.teams):,} teams, {memberships:,} memberships, " in printed[name]


def test_bringing_one_in_again_changes_nothing(brought_in: tuple[Live, Mapping[str, str]], admin: httpx.Client) -> None:
    running, _ = brought_in
    before = admin.get("/groups/etcd-io").json()
    entries = running.rows("SELECT count(*) FROM journal")

    again = running.run("import", "peribolos", REAL / "etcd-io")

    assert again.returncode == 0
    assert running.rows("SELECT count(*) FROM journal") == entries
    assert admin.get("/groups/etcd-io").json() == before


def test_the_journal_of_all_of_them_is_whole(brought_in: tuple[Live, Mapping[str, str]]) -> None:
    running, _ = brought_in

    verified = running.run("journal", "--verify")

    assert (verified.returncode, verified.stderr) == (0, "")
    assert {line.split()[0] for line in verified.stdout.splitlines()} == {"whole"}
    assert set(NAMES) <= {line.split()[-1] for line in verified.stdout.splitlines()}
