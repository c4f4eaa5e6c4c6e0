"""Ending one way in which a person has access: what is foretold is what comes, and what keeps it from ending."""

import pytest

from office import Office
from onebucket.actions import access_reports, groups, privileges, project_privileges, ways_to_end
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.actions.ways_to_end import Giver, Way
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Forbidden, Invalid, LastAdministrator, NotFound, PlanOutdated

Levels = dict[tuple[str, str], str]


@pytest.fixture
def full(office: Office) -> Office:
    """Bob and dora have something on engine in every way."""
    work = office.operator
    groups.add_member(work, "acme", "designers", "dora")
    privileges.grant_direct(work, "acme", "engine", "bob", Level.ADMIN)
    privileges.set_for_group(work, "acme", "engine", "designers", Level.WRITE)
    project_privileges.set_for_group(work, "acme", "OPS", "designers", ProjectLevel.ADMIN)
    project_privileges.set_for_person(work, "acme", "OPS", "bob", ProjectLevel.WRITE)
    return office


WAYS = {
    Giver.MEMBER: Way(Giver.MEMBER, "bob", "engine", group="designers"),
    Giver.GROUP: Way(Giver.GROUP, "bob", "engine", group="developers"),
    Giver.DIRECT: Way(Giver.DIRECT, "bob", "engine"),
    Giver.PROJECT_GROUP: Way(Giver.PROJECT_GROUP, "bob", "engine", group="designers", project="OPS"),
    Giver.PROJECT: Way(Giver.PROJECT, "bob", "engine", project="OPS"),
}


def levels(work: UnitOfWork) -> Levels:
    found = {}
    for person in ("alice", "bob", "dora"):
        for each in access_reports.of_person(work, "acme", person):
            found[person, each.repository.slug] = each.level.word
    return found


@pytest.mark.parametrize("giver", Giver)
def test_what_is_foretold_comes_and_the_way_is_gone(full: Office, giver: Giver) -> None:
    alice, before = full.as_("alice"), levels(full.operator)

    planned = ways_to_end.plan(alice, "acme", WAYS[giver])
    ways_to_end.end(alice, "acme", WAYS[giver], revision=planned.revision)

    after = levels(full.operator)
    foretold = {(each.person.username, one.slug): (each.before.word, each.after.word)
                for each in planned.effects for one in each.repositories}  # fmt: skip
    came = {key: (before.get(key, "none"), after.get(key, "none")) for key in before.keys() | after.keys()}
    assert foretold == {key: pair for key, pair in came.items() if pair[0] != pair[1]}
    with pytest.raises((NotFound, Invalid)):
        ways_to_end.plan(alice, "acme", WAYS[giver])


def test_a_plan_that_is_outdated_ends_nothing(full: Office) -> None:
    planned = ways_to_end.plan(full.operator, "acme", WAYS[Giver.DIRECT])
    groups.add_member(full.operator, "acme", "designers", "gina")

    with pytest.raises(PlanOutdated):
        ways_to_end.end(full.operator, "acme", WAYS[Giver.DIRECT], revision=planned.revision)

    assert levels(full.operator)["bob", "engine"] == "admin"


def test_the_last_administrator_stays_and_only_administrators_end_anything(full: Office) -> None:
    last = Way(Giver.MEMBER, "alice", "engine", group="administrators")
    planned = ways_to_end.plan(full.operator, "acme", last)

    with pytest.raises(LastAdministrator):
        ways_to_end.end(full.operator, "acme", last, revision=planned.revision)
    for name in ("bob", "mallory"):
        with pytest.raises(Forbidden):
            ways_to_end.plan(full.as_(name), "acme", WAYS[Giver.DIRECT])
