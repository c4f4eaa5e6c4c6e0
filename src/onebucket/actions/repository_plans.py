"""Changes of what groups and people have on a repository, and deleting it: who would gain and lose what, then do it."""

from collections.abc import Sequence
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
from onebucket.domain.privileges import Level, Through
from onebucket.domain.refusals import CellsOutdated, Invalid, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.store import (
    access_inputs,
    account_rows,
    account_summaries,
    changed_inputs,
    invitation_rows,
    privilege_rows,
)


class PermissionChange(NamedTuple):
    """A requested level for a group, named by its slug, or for a person; None for nothing that is set.

    `before` is the level that the user saw, unless they typed the name. Without `until`, what ends keeps its end.
    """

    is_group: bool
    name: str
    before: Level | None
    after: Level | None
    is_typed: bool = False
    until: EndWish = None


class PlannedPermission(NamedTuple):
    """A change with its group or person loaded."""

    holder: Group | Account
    before: Level | None
    after: Level | None
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
class PermissionPlan:
    """Several changes with their effects on people and invitations; valid as long as the account is at `revision`."""

    owner: Account
    repository: Repository
    changes: list[PlannedPermission]
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """Who would lose a repository if it were deleted, and which invitations to it would end."""

    owner: Account
    repository: Repository
    effects: list[AccessChange]
    endings: list[Ending]


def plan(work: UnitOfWork, account_name: str, slug: str, changes: Sequence[PermissionChange]) -> PermissionPlan:
    """Compute who would gain and lose what by these changes; changes nothing.

    Raises CellsOutdated, NotFound, NoSuchGroup, UnknownEmail, Invalid.
    """
    owner, repository, planned = _planned(work, account_name, slug, changes)
    groups = {each.holder.id: each.after for each in planned if isinstance(each.holder, Group)}
    direct = {each.holder.id: each.holder for each in planned if isinstance(each.holder, Account)}
    given = {each.holder.id: each.after for each in planned if isinstance(each.holder, Account)}
    members = account_summaries.members(work.tx, owner.id, groups)
    concerned = [*{person.id: person for person in (*members, *direct.values())}.values()]

    now = access_inputs.load(work.tx, owner, [repository], concerned)
    then = changed_inputs.with_permissions(now, repository.id, groups, given)
    effects = access_effects.compare(concerned, [repository], now, then)
    invited = {
        person.id: person
        for each in planned
        if isinstance(each.holder, Group)
        for person in pending_invitations.invited(work, each.holder)
    }
    endings = pending_invitations.predict(
        work,
        owner,
        [*(invited | direct).values()],
        then=lambda inputs: changed_inputs.with_permissions(inputs, repository.id, groups, given),
    )
    return PermissionPlan(owner, repository, planned, effects, endings, account_rows.revision(work.tx, owner.id))


def apply(
    work: UnitOfWork, account_name: str, slug: str, changes: Sequence[PermissionChange], *, revision: int
) -> None:
    """Make all these changes if the account still has this revision, otherwise none.

    Raises CellsOutdated when one of the levels has changed, PlanOutdated when anything else has.
    """
    owner, repository, planned = _planned(work, account_name, slug, changes)
    if account_rows.revision(work.tx, owner.id) != revision:
        raise PlanOutdated

    # An administrator of the repository who takes that from themselves does so last: they may do nothing afterwards.
    for each in sorted(planned, key=lambda each: each.before is Level.ADMIN):
        place = owner.id, repository.slug, each.name
        if each.after is None:
            (privileges.unset_for_group if each.is_group else privileges.unset_for_person)(work, *place)
        elif each.is_group:
            privileges.set_for_group(work, *place, each.after, each.until)
        else:
            privileges.grant_direct(work, *place, each.after, each.until)


def deletion(work: UnitOfWork, account_name: str, slug: str) -> DeletionPlan:
    """Return who would lose a repository, for those who may delete it; changes nothing.

    People who can read it only because it is public are left out. Raises NotFound, Forbidden.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.DELETE_REPOSITORY)
    people = account_summaries.people(work.tx, owner.id)
    now = access_inputs.load(work.tx, owner, [repository], people)
    kind, levels = now.kinds(), dict[object, Level]()
    for person in people:
        if kind(person) not in levels:
            ways = now.ways(person, repository)
            levels[kind(person)] = ways[0].level if ways and ways[0].through is not Through.PUBLIC else Level.NONE
    effects = [
        AccessChange(person, [repository], level, Level.NONE) for person in people if (level := levels[kind(person)])
    ]
    invitations = invitation_rows.to_repository(work.tx, owner.id, repository.id)
    return DeletionPlan(owner, repository, effects, [Ending(each, None) for each in invitations])


def _planned(
    work: UnitOfWork, account_name: str, slug: str, changes: Sequence[PermissionChange]
) -> tuple[Account, Repository, list[PlannedPermission]]:
    """Load the groups and people of the changes, and check each change against the present level."""
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    groups = {id: level for (_, id), level in privilege_rows.on_repository(work.tx, owner.id, repository.id).items()}
    given = privilege_rows.given_there(work.tx, owner.id, repository.id, least=Level.READ)
    people = {person.id: level for _, person, level in given}

    planned: dict[str, PlannedPermission] = {}
    outdated: dict[tuple[str, str], Level | None] = {}
    for each in changes:
        ends.settled(each.until, None, at=work.at)
        if each.before is each.after and each.until is None and not each.is_typed:
            continue
        holder: Group | Account = (
            access.group_of(work, owner, owner.id, each.name) if each.is_group else access.person(work, each.name)
        )
        present = (groups if each.is_group else people).get(holder.id)
        if not each.is_typed and each.before is not present:
            outdated[each.name, repository.slug] = present
        if each.after is Level.NONE and not each.is_group:
            raise Invalid("the permission of a person must be read, write or admin", field="level")
        planned[holder.id] = PlannedPermission(holder, present, each.after, each.until if each.after else None)
    if outdated:
        raise CellsOutdated(outdated)
    changed = [each for each in planned.values() if each.before is not each.after or each.until is not None]
    if not changed:
        raise Invalid("no permission was changed")
    return owner, repository, changed
