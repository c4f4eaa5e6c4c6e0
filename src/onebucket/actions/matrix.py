"""The privilege matrix, groups × repositories: read cells, plan changes of several cells and apply them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onebucket.actions import access, access_effects, pending_invitations, privileges
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndWish
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, group_level
from onebucket.domain.projects import Project, ProjectLevel
from onebucket.domain.refusals import CellsOutdated, Invalid, NoSuchGroup, NotFound, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.safe_text import quote_text
from onebucket.store import (
    access_inputs,
    account_rows,
    account_summaries,
    changed_inputs,
    group_rows,
    project_privilege_rows,
    project_rows,
    repository_rows,
)


class CellChange(NamedTuple):
    """A requested change of one cell, named by the slugs of group and repository; `before` is what the user saw.

    None means that nothing is set, so that the group's default applies.
    """

    group: str
    repository: str
    before: Level | None
    after: Level | None


class PlannedChange(NamedTuple):
    """A change of a cell with its group and repository loaded."""

    group: Group
    repository: Repository
    before: Level | None
    after: Level | None

    @property
    def level_before(self) -> Level:
        """Return the group's present level there, whether set or by default."""
        return group_level(set_there=self.before, permission=self.group.permission)

    @property
    def level_after(self) -> Level:
        """Return the group's level there after the change."""
        return group_level(set_there=self.after, permission=self.group.permission)


class Axes(NamedTuple):
    """The groups and the repositories, with their projects by id.

    `on_projects` is what groups have on projects, by the project's key and the group's slug.
    """

    groups: list[Group]
    repositories: list[Repository]
    projects: Mapping[str, Project]
    on_projects: Mapping[tuple[str, str], ProjectLevel]


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Several changes with their effects on people and invitations; valid as long as the account is at `revision`."""

    owner: Account
    changes: list[PlannedChange]
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


def axes(work: UnitOfWork, account_name: str) -> Axes:
    """Return the rows and columns: the account's groups by slug, its repositories by project and slug."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    projects = {project.id: project for project in project_rows.of_account(work.tx, owner.id)}
    repositories = repository_rows.of_account(work.tx, owner.id)
    return Axes(
        group_rows.of_account(work.tx, owner.id),
        sorted(repositories, key=lambda repository: projects[repository.project_id].key),
        projects,
        project_privilege_rows.for_groups(work.tx, owner.id),
    )


def cells(
    work: UnitOfWork, account_name: str, some_groups: Sequence[Group], some_repositories: Sequence[Repository]
) -> Mapping[tuple[str, str], Level]:
    """Return the levels set for these groups on these repositories, by (group slug, repository slug)."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    rows = {group.id: group.slug for group in some_groups}
    columns = {repository.id: repository.slug for repository in some_repositories}
    levels = account_summaries.cells(work.tx, owner.id, columns, rows)
    return {(rows[group], columns[repository]): level for (repository, group), level in levels.items()}


def plan(work: UnitOfWork, account_name: str, changes: Sequence[CellChange], until: EndWish = None) -> ChangePlan:
    """Compute who would gain and lose what if these cells were changed; changes nothing.

    Loads the access inputs once, for the members of these groups on these repositories, and evaluates them twice:
    as they are, and with the changes. Raises CellsOutdated, NotFound, Invalid, also for an end that has passed.
    """
    ends.settled(until, None, at=work.at)
    owner, planned = _planned(work, account_name, changes)
    repositories = {each.repository.id: each.repository for each in planned}
    people = account_summaries.members(work.tx, owner.id, {each.group.id for each in planned})

    inputs_now = access_inputs.load(work.tx, owner, repositories.values(), people)
    changed = {(each.repository.id, each.group.id): each.after for each in planned}
    inputs_then = changed_inputs.with_cells(inputs_now, changed)
    effects = access_effects.compare(people, [*repositories.values()], inputs_now, inputs_then)
    endings = pending_invitations.predict(
        work, owner, _invited(work, planned), then=lambda inputs: changed_inputs.with_cells(inputs, changed)
    )
    return ChangePlan(owner, planned, effects, endings, account_rows.revision(work.tx, owner.id))


def _invited(work: UnitOfWork, planned: Sequence[PlannedChange]) -> list[Account]:
    """Return the members of these groups who have a pending invitation in the account."""
    of_groups = {each.group.id: each.group for each in planned}.values()
    return [*{person.id: person for group in of_groups for person in pending_invitations.invited(work, group)}.values()]


def apply(
    work: UnitOfWork, account_name: str, changes: Sequence[CellChange], *, revision: int, until: EndWish = None
) -> None:
    """Change all these cells if the account still has this revision, otherwise none; levels end at `until`.

    Raises CellsOutdated when one of the cells has changed, PlanOutdated when anything else has.
    """
    owner, planned = _planned(work, account_name, changes)
    if account_rows.revision(work.tx, owner.id) != revision:
        raise PlanOutdated

    for each in planned:
        if each.after is None:
            privileges.unset_for_group(work, owner.id, each.repository.slug, each.group.slug)
        else:
            end = until if each.after else None
            privileges.set_for_group(work, owner.id, each.repository.slug, each.group.slug, each.after, end)


def _planned(work: UnitOfWork, account_name: str, changes: Sequence[CellChange]) -> tuple[Account, list[PlannedChange]]:
    """Load the groups and repositories of the changes, and check each change against the present cell."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    requested = {(each.group, each.repository): each for each in changes if each.before is not each.after}
    if not requested:
        raise Invalid("no cell was changed")
    groups = {group.slug: group for group in group_rows.of_account(work.tx, owner.id)}
    repositories = repository_rows.among(work.tx, owner.id, {slug for _, slug in requested})
    for group_slug, repository_slug in requested:
        if group_slug not in groups:
            raise NoSuchGroup
        if repository_slug not in repositories:
            raise NotFound(f"{owner.username} has no repository {quote_text(repository_slug)}")

    planned = [
        PlannedChange(groups[each.group], repositories[each.repository], each.before, each.after)
        for each in requested.values()
    ]
    present = account_summaries.cells(
        work.tx, owner.id, {each.repository.id for each in planned}, {each.group.id for each in planned}
    )
    changed = {
        (each.group.slug, each.repository.slug): present.get((each.repository.id, each.group.id))
        for each in planned
        if present.get((each.repository.id, each.group.id)) is not each.before
    }
    if changed:
        raise CellsOutdated(changed)
    return owner, planned
