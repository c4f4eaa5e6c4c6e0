"""Groups × repositories: what is set in some of the cells; several cells changed at once, with who gains and loses."""

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
    """What is to be set in a cell, named by the slugs of group and repository, and what was so when one looked.

    None: nothing is set, so that the group's default holds.
    """

    group: str
    repository: str
    before: Level | None
    after: Level | None


class PlannedChange(NamedTuple):
    """A change of a cell, with the group and the repository themselves."""

    group: Group
    repository: Repository
    before: Level | None
    after: Level | None

    @property
    def level_before(self) -> Level:
        """What the group has there now, be it by default."""
        return group_level(set_there=self.before, permission=self.group.permission)

    @property
    def level_after(self) -> Level:
        """What it would have."""
        return group_level(set_there=self.after, permission=self.group.permission)


class AccessChange(NamedTuple):
    """A person who would have another level on some repositories."""

    person: Account
    repositories: list[Repository]
    before: Level
    after: Level


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Several changes: who gains and loses, which invitations end; true while `revision` is the account's."""

    owner: Account
    changes: list[PlannedChange]
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


def axes(work: UnitOfWork, account_name: str) -> tuple[list[Group], list[Repository]]:
    """The account's groups and its repositories, by slug."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return group_rows.of_account(work.tx, owner.id), repository_rows.of_account(work.tx, owner.id)


def cells(
    work: UnitOfWork, account_name: str, some_groups: Sequence[Group], some_repositories: Sequence[Repository]
) -> Mapping[tuple[str, str], Level]:
    """What is set for these groups on these repositories, by the slugs of group and repository."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    rows = {each.id: each.slug for each in some_groups}
    columns = {each.id: each.slug for each in some_repositories}
    found = account_summaries.cells(work.tx, owner.id, columns, rows)
    return {(rows[group], columns[repository]): level for (repository, group), level in found.items()}


def plan(work: UnitOfWork, account_name: str, changes: Sequence[CellChange]) -> ChangePlan:
    """Who would gain and lose what if these cells were changed; nothing is.

    What decides is gathered once, for the members of these groups on these repositories, and asked twice: as it is,
    and with the cells as they would be. Raises CellsOutdated, NotFound, Invalid.
    """
    owner, planned = _planned(work, account_name, changes)
    everywhere = {each.repository.id: each.repository for each in planned}
    people = account_summaries.members(work.tx, owner.id, {each.group.id for each in planned})

    now = access_inputs.load(work.tx, owner, everywhere.values(), people)
    changed = {(each.repository.id, each.group.id): each.after for each in planned}
    then = now.with_changes(changed)
    effects = []
    for alike in now.group_equivalent_people(people):
        differing: dict[tuple[Level, Level], list[Repository]] = {}
        for repository in everywhere.values():
            before, after = (supposed.level(alike[0], repository) for supposed in (now, then))
            if before is not after:
                differing.setdefault((before, after), []).append(repository)
        effects += [AccessChange(person, there, *levels) for person in alike for levels, there in differing.items()]
    endings = pending_invitations.predict(
        work, owner, _invited(work, planned), then=lambda known: known.with_changes(changed)
    )
    return ChangePlan(owner, planned, effects, endings, account_rows.revision(work.tx, owner.id))


def _invited(work: UnitOfWork, planned: Sequence[PlannedChange]) -> list[Account]:
    """The members of these groups who are invited to something."""
    of_groups = {each.group.id: each.group for each in planned}.values()
    return [*{person.id: person for group in of_groups for person in pending_invitations.invited(work, group)}.values()]


def apply(work: UnitOfWork, account_name: str, changes: Sequence[CellChange], *, revision: int) -> None:
    """Change these cells, all or none, if the account is as it was at that revision.

    Raises CellsOutdated when one of the cells isn't what it was, PlanOutdated when anything else isn't.
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
    """The changes with what they are about, each checked against what is so now."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    wanted = {(each.group, each.repository): each for each in changes if each.before is not each.after}
    if not wanted:
        raise Invalid("nothing is chosen that is another than it is now")
    by_slug = {each.slug: each for each in group_rows.of_account(work.tx, owner.id)}
    there = repository_rows.among(work.tx, owner.id, {slug for _, slug in wanted})
    for group, repository in wanted:
        if group not in by_slug:
            raise NoSuchGroup
        if repository not in there:
            raise NotFound(f"{owner.username} has no repository {quote_text(repository)}")

    planned = [
        PlannedChange(by_slug[each.group], there[each.repository], each.before, each.after) for each in wanted.values()
    ]
    now = account_summaries.cells(
        work.tx, owner.id, {each.repository.id for each in planned}, {each.group.id for each in planned}
    )
    changed = {
        (each.group.slug, each.repository.slug): now.get((each.repository.id, each.group.id))
        for each in planned
        if now.get((each.repository.id, each.group.id)) is not each.before
    }
    if changed:
        raise CellsOutdated(changed)
    return owner, planned
