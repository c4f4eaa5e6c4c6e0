"""A real organisation, kubernetes-sigs: what its files say is what the server answers, over HTTP.

The files lie beside the checkout where they are kept, or where ONEBUCKET_SHARED says. They are read a second time here,
with PyYAML, and `slow` works out of that who may do what.
"""

import os
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import cast
import slow
from checkout import TOP
from onebucket import hashing
from onebucket.actions import accounts, tokens
from onebucket.transfer import apply, peribolos

NAME = "kubernetes-sigs"
SHARED = Path(os.environ.get("ONEBUCKET_SHARED") or TOP.parent / "shared")
FOLDER = SHARED / "data" / "kubernetes-org" / NAME

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{NAME} is not beside the checkout ({FOLDER}); ONEBUCKET_SHARED may say where it is"
)

LEVELS = {"read": "read", "triage": "read", "write": "write", "maintain": "write", "admin": "admin"}


@dataclass(frozen=True)
class Files:
    """What the files say; every name in lower case, because GitHub's don't tell it from upper."""

    admins: set[str]
    members: set[str]
    default: str
    teams: Mapping[str, set[str]]
    grants: set[tuple[str, str, str]]

    @property
    def repositories(self) -> set[str]:
        return {repository for repository, _, _ in self.grants}


def _teams(found: Mapping[str, Any] | None) -> Iterator[tuple[str, set[str], dict[str, str]]]:
    """Slug, members and grants of every team, nested ones too."""
    for name, each in (found or {}).items():
        people = (each.get("members") or []) + (each.get("maintainers") or [])
        grants = {repository.lower(): LEVELS[level] for repository, level in (each.get("repos") or {}).items()}
        yield re.sub(r"[^a-z0-9_-]", "", name.lower().replace(" ", "-")), {person.lower() for person in people}, grants
        yield from _teams(each.get("teams"))


@pytest.fixture(scope="module")
def files() -> Files:
    read = [
        yaml.load(file.read_text(), yaml.CSafeLoader) for file in (FOLDER / "org.yaml", *FOLDER.rglob("teams.yaml"))
    ]
    teams = [team for found in read for team in _teams(found.get("teams"))]
    org = read[0]
    return Files(
        admins={person.lower() for person in org["admins"]},
        members={person.lower() for person in org["members"]},
        default=org["default_repository_permission"],
        teams={slug: people for slug, people, _ in teams},
        grants={(repository, slug, level) for slug, _, grants in teams for repository, level in grants.items()},
    )


@pytest.fixture(scope="module")
def world(files: Files) -> slow.World:
    """The same as a world: a group for each team, one for the admins, who have everything, and one for everyone."""
    groups = {slug: slow.Group(members=people) for slug, people in files.teams.items()}
    groups["administrators"] = slow.Group("admin", administers=True, members=files.admins)
    groups["members"] = slow.Group(files.default, members=files.admins | files.members)
    repositories = {repository: slow.Repository() for repository in files.repositories}
    for repository, slug, level in files.grants:
        repositories[repository].groups[slug] = level
    everybody = set[str]().union(*(group.members for group in groups.values()))
    return slow.World(
        people={person: slow.Person() for person in everybody},
        accounts={NAME: slow.Account(groups=groups, projects={"PROJ": slow.Project()}, repositories=repositories)},
    )


@pytest.fixture(scope="module")
def api(empty_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[cast.Api]:
    """The organisation, imported and served; root runs the site."""
    db = cast.copy(empty_template, tmp_path_factory.mktemp("real"))
    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, [peribolos.to_document(peribolos.read([FOLDER])[0])], prune=False)
        accounts.add_user(work, "root", email="root@example.com", site_admin=True)
        secret = hashing.secret_hash(cast.token("root"))
        tokens.add(work, "root", secret_hash=secret, scopes=cast.ALL_SCOPES)
    api = cast.Api(db)
    yield api
    api.close()


def listed(api: cast.Api, path: str = "") -> list[tuple[str, str, str]]:
    """Repository, group and level of a list of privileges, in the server's order."""
    found = api("root", "GET", f"/group-privileges/{NAME}{path}?exclude_members=true").json()
    return [(each["repository"]["slug"], each["group"]["slug"], each["privilege"]) for each in found]


def lowered(entries: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [(repository.lower(), slug, level) for repository, slug, level in entries]


def test_the_organisation_is_as_large_as_it_is(files: Files) -> None:
    assert (len(files.teams), len(files.repositories), len(files.grants)) == (405, 202, 385)


def test_the_account_lists_exactly_the_grants_and_the_two_defaults(api: cast.Api, files: Files) -> None:
    defaults = {
        entry
        for repository in files.repositories
        for entry in ((repository, "administrators", "admin"), (repository, "members", files.default))
    }

    found = lowered(listed(api))

    assert len(found) == len(files.grants) + len(defaults) == 385 + 2 * 202
    assert set(found) == files.grants | defaults


def test_the_lists_of_repositories_and_of_groups_agree_with_the_account_s(api: cast.Api, world: slow.World) -> None:
    everything = listed(api)
    slugs = dict.fromkeys(repository for repository, _, _ in everything)

    of_repositories = [entry for slug in slugs for entry in listed(api, f"/{slug}")]
    of_groups = [entry for slug in world.accounts[NAME].groups for entry in listed(api, f"/{NAME}/{slug}")]

    assert of_repositories == everything
    assert sorted(of_groups) == sorted(everything)
    assert sorted(lowered(everything)) == slow.listing(world, NAME)


def test_a_thousand_random_people_have_on_repositories_what_the_slow_evaluator_says(
    api: cast.Api, files: Files, world: slow.World
) -> None:
    seed = random.randrange(1 << 32)
    chosen = random.Random(seed)
    # Of all pairs few are granted anything: half of those asked about are members of a team and its repository.
    granted = [
        (person, repository) for repository, slug, _ in sorted(files.grants) for person in sorted(files.teams[slug])
    ]
    pairs = [(chosen.choice(sorted(world.people)), chosen.choice(sorted(files.repositories))) for _ in range(500)]
    pairs += [chosen.choice(granted) for _ in range(500)]
    spelled = {repository.lower(): repository for repository, _, _ in listed(api)}
    asked = [{"user": person, "repository": f"{NAME}/{spelled[repository]}"} for person, repository in pairs]

    answers = api("root", "POST", "/api/access", json=asked).json()

    for (person, repository), answer in zip(pairs, answers, strict=True):
        level, ways = slow.level(world, person, NAME, repository), slow.ways(world, person, NAME, repository)
        said = [(way["level"], way["through"], way.get("group"), way.get("project")) for way in answer["because"]]
        assert (answer["user"].lower(), answer["level"] or "none", said) == (person, level, ways), f"seed {seed}"
    for (person, repository), answer in list(zip(pairs, answers, strict=True))[::20]:
        assert api("root", "GET", f"/api/access/{NAME}/{spelled[repository]}?user={person}").json() == answer


def test_what_would_be_lost_without_a_team_is_what_the_slow_evaluator_says(
    api: cast.Api, files: Files, world: slow.World
) -> None:
    for slug in sorted({slug for _, slug, _ in files.grants})[::60]:
        of_the_team = slow.World({person: world.people[person] for person in files.teams[slug]}, world.accounts)

        found = api("root", "GET", f"/api/access/{NAME}/groups/{slug}/impact").json()

        assert [
            (
                each["user"].lower(),
                each["repository"].partition("/")[2].lower(),
                each["before"],
                each["after"] or "none",
            )
            for each in found["losses"]
        ] == slow.losses(of_the_team, slow.without(of_the_team, NAME, slug), NAME)
