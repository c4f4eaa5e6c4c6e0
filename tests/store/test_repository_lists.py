"""Lists of visible repositories hold the repositories on which the access decision gives a level, for everybody."""

import random

import pytest

import cast
from onebucket.actions import access_checks, groups, privileges, project_privileges, projects, repositories
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.filters import ListQuery
from onebucket.domain.privileges import Level, Through
from onebucket.domain.projects import ProjectLevel
from onebucket.store import account_rows
from onebucket.store.engine.database import Database

PEOPLE = ("alice", "bob", "dora", "gina", "mallory", "root")
CHANGES = 60


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "SQLite":
        db = cast.copy(request.getfixturevalue("cast_template"), request.getfixturevalue("tmp_path"))
        request.addfinalizer(db.close)
        return db
    resettable = request.getfixturevalue("resettable_postgres")
    resettable.reset()
    return resettable.database


def change(work: UnitOfWork, choose: random.Random) -> None:
    """Set something at random: a permission of a group or a person, on a repository or a project, or a default."""
    slug, key = choose.choice(("rocket", "website", "probe")), choose.choice(("PROJ", "MARS"))
    group, person = choose.choice(("designers", "developers")), choose.choice(("bob", "dora", "gina", "mallory"))
    level, on_project = choose.choice([*Level]), choose.choice([*ProjectLevel])
    match choose.randrange(6):
        case 0:
            privileges.set_for_group(work, "acme", slug, group, level)
        case 1 if level:
            privileges.grant_direct(work, "acme", slug, person, level)
        case 1:
            privileges.unset_for_person(work, "acme", slug, person)
        case 2:
            project_privileges.set_for_group(work, "acme", key, group, on_project)
        case 3:
            project_privileges.set_for_person(work, "acme", key, person, on_project)
        case 4:
            groups.change(work, "acme", group, permission=level)
        case 5:
            repositories.change(work, "acme", slug, project=key, is_private=choose.random() < 0.7)


def decided(work: UnitOfWork, name: str) -> dict[str, AccessDecision]:
    queries = [AccessQuery(name, "acme", slug) for slug in ("probe", "rocket", "website")]
    decisions = access_checks.check_many(work, queries)
    return {each.repository.slug: each for each in decisions if isinstance(each, AccessDecision)}


def listed(work: UnitOfWork, name: str, least: Level | None) -> list[str]:
    person = account_rows.by_username(work.tx, name)
    with work.on_behalf(Actor(person, "test")):
        found, size = repositories.visible(work, "acme", ListQuery(limit=100), least=least)
    assert size == len(found)
    return [each.repository.slug for each in found]


@pytest.mark.parametrize("seed", range(3))
def test_the_list_and_the_decision_agree(database: Database, seed: int) -> None:
    choose, seen = random.Random(seed), set()
    with database.writing() as tx:
        work = cast.operator(tx)
        projects.create(work, "acme", "MARS", name="Mars")
        repositories.add(work, "acme", "probe", project="MARS")
        for _ in range(CHANGES):
            change(work, choose)
            for name in PEOPLE:
                decisions = decided(work, name)
                seeable = [slug for slug, each in decisions.items() if each.level]
                assert listed(work, name, None) == seeable, (name, decisions)
                for least in (Level.READ, Level.WRITE, Level.ADMIN):
                    own = [
                        slug
                        for slug, each in decisions.items()
                        if any(way.level >= least and way.through is not Through.PUBLIC for way in each.ways)
                    ]
                    assert listed(work, name, least) == own, (name, least)
                seen.add((name, *(each.level for each in decisions.values())))
    assert len(seen) > 15
