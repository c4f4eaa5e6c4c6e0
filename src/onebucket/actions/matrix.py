"""The privilege matrix, groups × repositories: read cells, plan changes of several cells and apply them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onebucket.actions import access, pending_invitations, privileges
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, group_level
from onebucket.domain.refusals import CellsOutdated, Invalid, NoSuchGroup, NotFound, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.domain.text import quote_text
from onebucket.store import access_inputs, account_rows, account_summaries, group_rows, repository_rows


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


class AccessChange(NamedTuple):
    """A person whose level on some repositories would change from `before` to `after`."""

    person: Account
    repositories: list[Repository]
    before: Level
    after: Level


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Several changes with their effects on people and invitations; valid as long as the account is at `revision`."""

    owner: Account
    changes: list[PlannedChange]
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


def axes(work: UnitOfWork, account_name: str) -> tuple[list[Group], list[Repository]]:
    """Return the rows and columns: the account's groups and its repositories, by slug."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return group_rows.of_account(work.tx, owner.id), repository_rows.of_account(work.tx, owner.id)


def cells(
    work: UnitOfWork, account_name: str, some_groups: Sequence[Group], some_repositories: Sequence[Repository]
) -> Mapping[tuple[str, str], Level]:
    """Return the levels set for these groups on these repositories, by (group slug, repository slug)."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    rows = {group.id: group.slug for group in some_groups}
    columns = {repository.id: repository.slug for repository in some_repositories}
    levels = account_summaries.cells(work.tx, owner.id, columns, rows)
    return {(rows[group], columns[repository]): level for (repository, group), level in levels.items()}


def plan(work: UnitOfWork, account_name: str, changes: Sequence[CellChange]) -> ChangePlan:
    """Compute who would gain and lose what if these cells were changed; changes nothing.

    Loads the access inputs once, for the members of these groups on these repositories, and evaluates them twice:
    as they are, and with the changes. Raises CellsOutdated, NotFound, Invalid.
    """
    owner, planned = _planned(work, account_name, changes)
    repositories = {each.repository.id: each.repository for each in planned}
    people = account_summaries.members(work.tx, owner.id, {each.group.id for each in planned})

    inputs_now = access_inputs.load(work.tx, owner, repositories.values(), people)
    changed = {(each.repository.id, each.group.id): each.after for each in planned}
    inputs_then = inputs_now.with_changes(changed)
    effects = []
    for equivalent in inputs_now.group_equivalent_people(people):
        differing: dict[tuple[Level, Level], list[Repository]] = {}
        for repository in repositories.values():
            before, after = (inputs.level(equivalent[0], repository) for inputs in (inputs_now, inputs_then))
            if before is not after:
                differing.setdefault((before, after), []).append(repository)
        effects += [
            AccessChange(person, affected, *levels) for person in equivalent for levels, affected in differing.items()
        ]
    endings = pending_invitations.predict(
        work, owner, _invited(work, planned), then=lambda inputs: inputs.with_changes(changed)
    )
    return ChangePlan(owner, planned, effects, endings, account_rows.revision(work.tx, owner.id))


def _invited(work: UnitOfWork, planned: Sequence[PlannedChange]) -> list[Account]:
    """Return the members of these groups who have a pending invitation in the account."""
    of_groups = {each.group.id: each.group for each in planned}.values()
    return [*{person.id: person for group in of_groups for person in pending_invitations.invited(work, group)}.values()]


def apply(work: UnitOfWork, account_name: str, changes: Sequence[CellChange], *, revision: int) -> None:
    """Change all these cells if the account still has this revision, otherwise none.

    Raises CellsOutdated when one of the cells has changed, PlanOutdated when anything else has.
    """
    owner, planned = _planned(work, account_name, changes)
    if account_rows.revision(work.tx, owner.id) != revision:
        raise PlanOutdated

    for each in planned:
        if each.after is None:
            privileges.unset_for_group(work, owner.id, each.repository.slug, each.group.slug)
        else:
            privileges.set_for_group(work, owner.id, each.repository.slug, each.group.slug, each.after)


def _planned(work: UnitOfWork, account_name: str, changes: Sequence[CellChange]) -> tuple[Account, list[PlannedChange]]:
    """Load the groups and repositories of the changes, and check each change against the present cell."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    requested = {(each.group, each.repository): each for each in changes if each.before is not each.after}
    if not requested:
        raise Invalid("nothing is chosen that is another than it is now")
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
