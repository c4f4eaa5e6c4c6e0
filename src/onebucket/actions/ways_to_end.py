"""Takes away one way in which a person has access to a repository: who would gain and lose what, then end it."""

from dataclasses import dataclass
from enum import StrEnum

from onebucket.actions import (
    access,
    access_checks,
    access_effects,
    groups,
    matrix,
    pending_invitations,
    privileges,
    project_plans,
)
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.matrix import CellChange
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.project_plans import GrantChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Invalid, NotFound, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_rows, changed_inputs, privilege_rows
from onebucket.store.access_inputs import AccessInputs


class Giver(StrEnum):
    """What gives access, and can be taken away."""

    # The person's membership of a group.
    MEMBER = "member"
    # What a group has on the repository.
    GROUP = "group"
    # What the person was given on the repository.
    DIRECT = "direct"
    # What a group, or the person, was given on the repository's project.
    PROJECT_GROUP = "project-group"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to end: by which giver a person has access to a repository, and through which group and project."""

    giver: Giver
    person: str
    repository: str
    group: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True)
class EndPlan:
    """What ending a way does to people and invitations; valid as long as the account is at `revision`."""

    owner: Account
    person: Account
    repository: Repository
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


def plan(work: UnitOfWork, account_name: str, way: Way) -> EndPlan:
    """Compute who would gain and lose what if a way ended; changes nothing.

    Raises NotFound, NoSuchGroup, Forbidden, Invalid when there is nothing to end.
    """
    owner, person, repository = _named(work, account_name, way)
    match way.giver:
        case Giver.MEMBER:
            losses = access_checks.impact(work, owner.id, way.group, person.id)
            effects = [AccessChange(each.person, [*each.repositories], each.before, each.after) for each in losses]
            endings = pending_invitations.ended_by_leaving(work, owner.id, way.group, person.id)
        case Giver.GROUP:
            cells = matrix.plan(work, owner.id, [_cell(work, owner, repository, way.group)])
            effects, endings = cells.effects, cells.endings
        case Giver.DIRECT:
            effects, endings = _without_direct(work, owner, person, repository)
        case Giver.PROJECT | Giver.PROJECT_GROUP:
            grants = project_plans.plan(work, owner.id, way.project, [_grant(way, person)])
            effects, endings = grants.effects, grants.endings
    return EndPlan(owner, person, repository, effects, endings, account_rows.revision(work.tx, owner.id))


def end(work: UnitOfWork, account_name: str, way: Way, *, revision: int) -> None:
    """End a way if the account still has this revision.

    Raises PlanOutdated, LastAdministrator, NotFound, NoSuchGroup, Forbidden, Invalid when there is nothing to end.
    """
    owner, person, repository = _named(work, account_name, way)
    if account_rows.revision(work.tx, owner.id) != revision:
        raise PlanOutdated

    match way.giver:
        case Giver.MEMBER:
            groups.remove_member(work, owner.id, way.group, person.id)
        case Giver.GROUP:
            cell = _cell(work, owner, repository, way.group)
            matrix.apply(work, owner.id, [cell], revision=revision)
        case Giver.DIRECT:
            privileges.revoke_direct(work, owner.id, repository.slug, person.id)
        case Giver.PROJECT | Giver.PROJECT_GROUP:
            project_plans.apply(work, owner.id, way.project, [_grant(way, person)], revision=revision)


def _named(work: UnitOfWork, account_name: str, way: Way) -> tuple[Account, Account, Repository]:
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    person = access.person(work, way.person)
    _, repository = access.repository(work, owner.id, way.repository, to=To.GRANT_PRIVILEGE)
    return owner, person, repository


def _cell(work: UnitOfWork, owner: Account, repository: Repository, slug: str) -> CellChange:
    """Return the change after which the group has nothing there, whatever its default."""
    group = access.group_of(work, owner, owner.id, slug)
    present = privilege_rows.level(work.tx, owner.id, repository.id, group.id)
    after = Level.NONE if group.permission else None
    if present is after:
        raise Invalid(f"{group.slug} has nothing on {repository.slug}")
    return CellChange(group.slug, repository.slug, present, after)


def _grant(way: Way, person: Account) -> GrantChange:
    is_group = way.giver is Giver.PROJECT_GROUP
    return GrantChange(is_group, way.group if is_group else person.username, None, ProjectLevel.NONE)


def _without_direct(
    work: UnitOfWork, owner: Account, person: Account, repository: Repository
) -> tuple[list[AccessChange], list[Ending]]:
    if privilege_rows.of_person(work.tx, owner.id, repository.id, person.id) is None:
        raise NotFound(f"{person.username} has no direct privilege on that repository")

    def without(inputs: AccessInputs) -> AccessInputs:
        return changed_inputs.without_direct(inputs, repository.id, person.id)

    now = access_inputs.load(work.tx, owner, [repository], [person])
    effects = access_effects.compare([person], [repository], now, without(now))
    return effects, pending_invitations.predict(work, owner, [person], then=without)
