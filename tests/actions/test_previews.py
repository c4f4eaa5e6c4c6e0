"""Previews of changes on projects: who gains, who loses and which invitations end is what comes when one makes them."""

import random

import pytest

from office import Office
from onebucket.actions import (
    access_reports,
    account_overview,
    groups,
    invitations,
    privileges,
    project_plans,
    project_privileges,
    repository_moves,
)
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.project_plans import GrantChange
from onebucket.domain.events import Event
from onebucket.domain.filters import ListQuery
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import CellsOutdated, Forbidden, Invalid, NoSuchGroup, NotFound, PlanOutdated

NONE, READ, WRITE, CREATE_REPO, ADMIN = [*ProjectLevel]


def told(effects: list[AccessChange]) -> dict[tuple[str, str], tuple[str, str]]:
    """What a preview says, by person and repository."""
    return {
        (each.person.username, repository.slug): (each.before.word, each.after.word)
        for each in effects
        for repository in each.repositories
    }


def levels(office: Office) -> dict[tuple[str, str], str]:
    """What everybody may do, as access checks say."""
    people, _ = account_overview.people(office.operator, "acme", ListQuery(100))
    names = {person.username for person in people} | {"gina", "mallory"}
    return {
        (name, each.repository.slug): each.level.word
        for name in names
        for each in access_reports.of_person(office.operator, "acme", name)
    }


def changed(
    before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]
) -> dict[tuple[str, str], tuple[str, str]]:
    pairs = {key: (before.get(key, "none"), after.get(key, "none")) for key in {*before, *after}}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("seed", range(12))
def test_a_preview_says_what_comes(office: Office, seed: int) -> None:
    chance, work = random.Random(seed), office.operator
    groups.create(work, "acme", name="Crew")
    for group in ("crew", "designers"):
        for name in chance.sample(["dora", "gina", "mallory"], 2):
            groups.add_member(work, "acme", group, name)
        project_privileges.set_for_group(work, "acme", "OPS", group, chance.choice([*ProjectLevel]))
        privileges.set_for_group(work, "acme", "engine", group, chance.choice([*Level]))
    for name in ("gina", "mallory"):
        project_privileges.set_for_person(
            work, "acme", chance.choice(["OPS", "PROJ"]), name, chance.choice([*ProjectLevel])
        )
    changes = [
        GrantChange(is_group, name, None, chance.choice([*ProjectLevel]))
        for is_group, name in ((True, "crew"), (True, "designers"), (False, "gina"), (False, "bob"))
    ]
    if all(_level(office, each) is each.after for each in changes):
        changes[0] = changes[0]._replace(after=ADMIN if changes[0].after is not ADMIN else READ)

    before = levels(office)
    plan = project_plans.plan(work, "acme", "ops", changes)
    assert levels(office) == before
    project_plans.apply(work, "acme", "ops", changes, revision=plan.revision)
    after = levels(office)
    move = repository_moves.plan(work, "acme", "engine", "PROJ")
    repository_moves.apply(work, "acme", "engine", "PROJ", revision=move.revision)

    assert told(plan.effects) == changed(before, after)
    assert told(move.effects) == changed(after, levels(office))


def _level(office: Office, change: GrantChange) -> ProjectLevel:
    read = project_privileges.of_group if change.is_group else project_privileges.of_person
    return read(office.operator, "acme", "OPS", change.name).level


def test_a_preview_names_the_invitations_that_end(office: Office) -> None:
    for slug in ("engine", "rocket"):
        invitations.invite_to_repository(office.as_("alice"), "acme", slug, "gina@example.com", Level.WRITE)
    change = [GrantChange(False, "gina", NONE, WRITE)]

    plan = project_plans.plan(office.operator, "acme", "OPS", change)

    assert [each.invitation.repository_slug for each in plan.endings] == ["engine"]
    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", READ)
    move = repository_moves.plan(office.operator, "acme", "engine", "PROJ")
    assert [each.invitation.repository_slug for each in move.endings] == ["engine"]
    repository_moves.apply(office.operator, "acme", "engine", "PROJ", revision=move.revision)
    assert [entry.event for entry in office.operator.entries[-2:]] == [Event.REPOSITORY_CHANGED, Event.INVITATION_ENDED]


def test_what_changed_since_the_preview_is_said(office: Office) -> None:
    change = [GrantChange(True, "designers", NONE, WRITE)]
    plan = project_plans.plan(office.operator, "acme", "OPS", change)
    move = repository_moves.plan(office.operator, "acme", "engine", "PROJ")

    groups.add_member(office.operator, "acme", "designers", "gina")

    with pytest.raises(PlanOutdated):
        project_plans.apply(office.operator, "acme", "OPS", change, revision=plan.revision)
    with pytest.raises(PlanOutdated):
        repository_moves.apply(office.operator, "acme", "engine", "PROJ", revision=move.revision)
    project_privileges.set_for_group(office.operator, "acme", "OPS", "designers", READ)
    with pytest.raises(CellsOutdated, match="designers on OPS"):
        project_plans.plan(office.operator, "acme", "OPS", change)


def test_an_administrator_of_the_project_may_give_it_away_with_other_changes(office: Office) -> None:
    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", ADMIN)
    changes = [GrantChange(False, "gina", ADMIN, READ), GrantChange(True, "designers", NONE, ADMIN)]
    plan = project_plans.plan(office.as_("gina"), "acme", "OPS", changes)

    project_plans.apply(office.as_("gina"), "acme", "OPS", changes, revision=plan.revision)

    assert (office.level("gina", "engine"), office.level("bob", "engine")) == ("read", "admin")
    with pytest.raises(Forbidden):
        project_plans.plan(office.as_("gina"), "acme", "OPS", [GrantChange(False, "gina", READ, ADMIN)])
    with pytest.raises(Forbidden):
        repository_moves.plan(office.as_("gina"), "acme", "engine", "PROJ")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (GrantChange(True, "nobody", None, READ), NoSuchGroup),
        (GrantChange(False, "nobody", None, READ), NotFound),
        (GrantChange(False, "globex", None, READ), Invalid),
        (GrantChange(True, "designers", None, NONE), Invalid),
        (GrantChange(True, "designers", READ, READ), Invalid),
    ],
)
def test_a_change_that_will_not_do_is_refused(office: Office, change: GrantChange, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        project_plans.plan(office.operator, "acme", "OPS", [change])


def test_a_repository_is_not_moved_to_where_it_is(office: Office) -> None:
    with pytest.raises(Invalid, match="engine is in the project OPS already"):
        repository_moves.plan(office.operator, "acme", "engine", "ops")
