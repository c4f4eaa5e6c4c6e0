"""Groups × repositories: what is set in some of the cells; several cells changed at once, with who gains and loses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onebucket.actions import access, privileges, settling
from onebucket.actions.settling import Ending
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, of_group
from onebucket.domain.refusals import Invalid, Moved, NoSuchGroup, NotFound, Overtaken
from onebucket.domain.repositories import Repository
from onebucket.domain.text import shown
from onebucket.store import accounts, cases, groups, overviews, repositories


class Change(NamedTuple):
    """What is to be set in a cell, named by the slugs of group and repository, and what was so when one looked.

    None: nothing is set, so that the group's default holds.
    """

    group: str
    repository: str
    before: Level | None
    after: Level | None


class Planned(NamedTuple):
    """A change of a cell, with the group and the repository themselves."""

    group: Group
    repository: Repository
    before: Level | None
    after: Level | None

    @property
    def level_before(self) -> Level:
        """What the group has there now, be it by default."""
        return of_group(set_there=self.before, permission=self.group.permission)

    @property
    def level_after(self) -> Level:
        """What it would have."""
        return of_group(set_there=self.after, permission=self.group.permission)


class Effect(NamedTuple):
    """A person who would have another level on some repositories."""

    person: Account
    repositories: list[Repository]
    before: Level
    after: Level


@dataclass(frozen=True, slots=True)
class Plan:
    """Several changes: who gains and loses, which invitations end; true while `revision` is the account's."""

    owner: Account
    changes: list[Planned]
    effects: list[Effect]
    endings: list[Ending]
    revision: int


def axes(work: Work, account_name: str) -> tuple[list[Group], list[Repository]]:
    """The account's groups and its repositories, by slug."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return groups.of_account(work.tx, owner.id), repositories.of_account(work.tx, owner.id)


def cells(
    work: Work, account_name: str, some_groups: Sequence[Group], some_repositories: Sequence[Repository]
) -> Mapping[tuple[str, str], Level]:
    """What is set for these groups on these repositories, by the slugs of group and repository."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    rows = {each.id: each.slug for each in some_groups}
    columns = {each.id: each.slug for each in some_repositories}
    found = overviews.cells(work.tx, owner.id, columns, rows)
    return {(rows[group], columns[repository]): level for (repository, group), level in found.items()}


def plan(work: Work, account_name: str, changes: Sequence[Change]) -> Plan:
    """Who would gain and lose what if these cells were changed; nothing is.

    What decides is gathered once, for the members of these groups on these repositories, and asked twice: as it is,
    and with the cells as they would be. Raises Overtaken, NotFound, Invalid.
    """
    owner, planned = _planned(work, account_name, changes)
    everywhere = {each.repository.id: each.repository for each in planned}
    people = overviews.members(work.tx, owner.id, {each.group.id for each in planned})

    now = cases.gather(work.tx, owner, everywhere.values(), people)
    changed = {(each.repository.id, each.group.id): each.after for each in planned}
    then = now.supposing(changed)
    effects = []
    for alike in now.alike(people):
        differing: dict[tuple[Level, Level], list[Repository]] = {}
        for repository in everywhere.values():
            before, after = (supposed.level(alike[0], repository) for supposed in (now, then))
            if before is not after:
                differing.setdefault((before, after), []).append(repository)
        effects += [Effect(person, there, *levels) for person in alike for levels, there in differing.items()]
    endings = settling.foretold(work, owner, _invited(work, planned), then=lambda known: known.supposing(changed))
    return Plan(owner, planned, effects, endings, accounts.revision(work.tx, owner.id))


def _invited(work: Work, planned: Sequence[Planned]) -> list[Account]:
    """The members of these groups who are invited to something."""
    of_groups = {each.group.id: each.group for each in planned}.values()
    return [*{person.id: person for group in of_groups for person in settling.invited(work, group)}.values()]


def apply(work: Work, account_name: str, changes: Sequence[Change], *, revision: int) -> None:
    """Change these cells, all or none, if the account is as it was at that revision.

    Raises Overtaken when one of the cells isn't what it was, Moved when anything else isn't.
    """
    owner, planned = _planned(work, account_name, changes)
    if accounts.revision(work.tx, owner.id) != revision:
        raise Moved

    for each in planned:
        if each.after is None:
            privileges.unset_for_group(work, owner.id, each.repository.slug, each.group.slug)
        else:
            privileges.set_for_group(work, owner.id, each.repository.slug, each.group.slug, each.after)


def _planned(work: Work, account_name: str, changes: Sequence[Change]) -> tuple[Account, list[Planned]]:
    """The changes with what they are about, each checked against what is so now."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    wanted = {(each.group, each.repository): each for each in changes if each.before is not each.after}
    if not wanted:
        raise Invalid("nothing is chosen that is another than it is now")
    by_slug = {each.slug: each for each in groups.of_account(work.tx, owner.id)}
    there = repositories.among(work.tx, owner.id, {slug for _, slug in wanted})
    for group, repository in wanted:
        if group not in by_slug:
            raise NoSuchGroup
        if repository not in there:
            raise NotFound(f"{owner.username} has no repository {shown(repository)}")

    planned = [
        Planned(by_slug[each.group], there[each.repository], each.before, each.after) for each in wanted.values()
    ]
    now = overviews.cells(
        work.tx, owner.id, {each.repository.id for each in planned}, {each.group.id for each in planned}
    )
    changed = {
        (each.group.slug, each.repository.slug): now.get((each.repository.id, each.group.id))
        for each in planned
        if now.get((each.repository.id, each.group.id)) is not each.before
    }
    if changed:
        raise Overtaken(changed)
    return owner, planned
