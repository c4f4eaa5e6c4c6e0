"""Changes of what several groups and people have on a project: who would gain and lose what, then make them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onebucket.actions import access, access_effects, pending_invitations, project_privileges
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndWish
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.projects import Project, ProjectLevel
from onebucket.domain.refusals import CellsOutdated, Invalid, PlanOutdated
from onebucket.store import (
    access_inputs,
    account_rows,
    account_summaries,
    changed_inputs,
    project_privilege_rows,
    repository_rows,
)


class GrantChange(NamedTuple):
    """A requested level for a group, named by its slug, or for a person.

    `before` is the level that the user saw, None if they typed the name. Without `until`, what ends keeps its end.
    """

    is_group: bool
    name: str
    before: ProjectLevel | None
    after: ProjectLevel
    until: EndWish = None


class PlannedGrant(NamedTuple):
    """A change with its group or person loaded."""

    holder: Group | Account
    before: ProjectLevel
    after: ProjectLevel
    until: EndWish = None

    @property
    def is_group(self) -> bool:
        """Whether the holder is a group."""
        return isinstance(self.holder, Group)

    @property
    def name(self) -> str:
        """The group's slug or the person's username."""
        return self.holder.slug if isinstance(self.holder, Group) else self.holder.username


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """Several changes with their effects on people and invitations; valid as long as the account is at `revision`."""

    owner: Account
    project: Project
    changes: list[PlannedGrant]
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


def plan(work: UnitOfWork, account_name: str, key: str, changes: Sequence[GrantChange]) -> ProjectPlan:
    """Compute who would gain and lose what by these changes; changes nothing.

    Raises CellsOutdated, NotFound, NoSuchGroup, UnknownEmail, Invalid.
    """
    owner, project, planned = _planned(work, account_name, key, changes)
    groups = {each.holder.id: each for each in planned if isinstance(each.holder, Group)}
    people = {each.holder.id: each for each in planned if isinstance(each.holder, Account)}
    for_groups = {id: each.after for id, each in groups.items()}
    for_people = {id: each.after for id, each in people.items()}
    members = account_summaries.members(work.tx, owner.id, groups)
    direct = [each.holder for each in planned if isinstance(each.holder, Account)]
    concerned = [*{person.id: person for person in (*members, *direct)}.values()]
    repositories = [each for each in repository_rows.of_account(work.tx, owner.id) if each.project_id == project.id]

    now = access_inputs.load(work.tx, owner, repositories, concerned)
    then = changed_inputs.with_project_grants(now, project, for_groups, for_people)
    effects = access_effects.compare(concerned, repositories, now, then)
    invited = [
        person
        for each in planned
        if isinstance(each.holder, Group)
        for person in pending_invitations.invited(work, each.holder)
    ]
    endings = pending_invitations.predict(
        work,
        owner,
        [*{person.id: person for person in (*invited, *direct)}.values()],
        then=lambda inputs: changed_inputs.with_project_grants(inputs, project, for_groups, for_people),
    )
    return ProjectPlan(owner, project, planned, effects, endings, account_rows.revision(work.tx, owner.id))


def apply(work: UnitOfWork, account_name: str, key: str, changes: Sequence[GrantChange], *, revision: int) -> None:
    """Make all these changes if the account still has this revision, otherwise none.

    Raises CellsOutdated when one of the levels has changed, PlanOutdated when anything else has.
    """
    owner, project, planned = _planned(work, account_name, key, changes)
    if account_rows.revision(work.tx, owner.id) != revision:
        raise PlanOutdated

    # An administrator of the project who takes that from themselves does so last: they may do nothing afterwards.
    for each in sorted(planned, key=lambda each: each.before is ProjectLevel.ADMIN):
        change = project_privileges.set_for_group if each.is_group else project_privileges.set_for_person
        change(work, owner.id, project.key, each.name, each.after, each.until)


def _planned(
    work: UnitOfWork, account_name: str, key: str, changes: Sequence[GrantChange]
) -> tuple[Account, Project, list[PlannedGrant]]:
    """Load the groups and people of the changes, and check each change against the present level."""
    owner, project = access.project(work, account_name, key, to=To.GRANT_ON_PROJECT)
    groups = {group.id: level for group, level, _ in project_privilege_rows.groups_on(work.tx, owner.id, project.id)}
    people = {person.id: level for person, level, _ in project_privilege_rows.people_on(work.tx, owner.id, project.id)}

    planned: dict[str, PlannedGrant] = {}
    outdated: dict[tuple[str, str], ProjectLevel] = {}
    for each in changes:
        ends.settled(each.until, None, at=work.at)
        if each.before is each.after and each.until is None:
            continue
        holder: Group | Account = (
            access.group_of(work, owner, owner.id, each.name) if each.is_group else access.person(work, each.name)
        )
        present = (groups if each.is_group else people).get(holder.id, ProjectLevel.NONE)
        if each.before is not None and each.before is not present:
            outdated[each.name, project.key] = present
        planned[holder.id] = PlannedGrant(holder, present, each.after, each.until if each.after else None)
    if outdated:
        raise CellsOutdated(outdated)
    changed = [each for each in planned.values() if each.before is not each.after or each.until is not None]
    if not changed:
        raise Invalid("no permission was changed")
    return owner, project, changed
