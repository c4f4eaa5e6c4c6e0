"""The groups that a directory keeps: it adds, takes over, changes and deletes them, and says who is in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from onebucket import slugs
from onebucket.actions import access, directory_accounts, groups, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import last_administrator
from onebucket.domain.accounts import Account
from onebucket.domain.directories import Directory, DirectoryGroup
from onebucket.domain.events import Event
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import AccountPrivilege, Group, check_name, member_facts
from onebucket.domain.policy import To
from onebucket.domain.refusals import GroupExists, Invalid, NotFound
from onebucket.safe_text import quote_text
from onebucket.store import (
    account_rows,
    administrator_rows,
    directory_group_rows,
    directory_people_rows,
    group_rows,
    invitation_rows,
    invitee_rows,
)

# The id of nobody.
_NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class GroupWish:
    """What a directory wants a group to be; `members` are ids of people, None to leave them as they are."""

    name: str
    external_id: str | None
    members: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group as the directory that keeps it sees it; `members` are ids of people, None if they weren't read."""

    group: DirectoryGroup
    members: Sequence[str] | None


def listed(work: UnitOfWork, directory_id: str, query: ListQuery, *, members: bool) -> tuple[list[KnownGroup], int]:
    """Return the groups of a directory that a query wants, in the order they came, and how many pass its filter."""
    _, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    found, number = directory_group_rows.listed(work.tx, directory, query)
    return _with_members(work, directory, found, members=members), number


def read(work: UnitOfWork, directory_id: str, group_id: str, *, members: bool) -> KnownGroup:
    """Return a group of a directory. Raises NotFound."""
    _, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    return _with_members(work, directory, [_find(work, directory, group_id)[0]], members=members)[0]


def create(work: UnitOfWork, directory_id: str, wish: GroupWish) -> KnownGroup:
    """Add a group to the directory's team, or take over the one of that name, if the directory adopts groups.

    Raises GroupExists, Invalid for a member whom the directory doesn't know, LastAdministrator.
    """
    team, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    name = check_name(wish.name)
    present = group_rows.find(work.tx, team.id, slugs.slugify(name))
    if present is not None:
        group = _adopt(work, team, directory, present)
    else:
        group = Group(team.id, work.new_id(), name, slugs.slugify(name), directory_id=directory.id)
        group_rows.add(work.tx, group, at=work.next_timestamp())
        facts = {"name": group.name, "slug": group.slug, "directory": directory.label}
        work.record(Event.GROUP_ADDED, team, group.slug, after=facts)
    _set_members(work, team, directory, group, wish.members or (), is_taken_over=present is not None)
    directory_group_rows.keep(work.tx, directory, group.id, external_id=wish.external_id, at=work.next_timestamp())
    return read(work, directory_id, group.id, members=True)


def change(work: UnitOfWork, directory_id: str, group_id: str, wish: GroupWish, *, members: bool) -> KnownGroup:
    """Make a group what its directory wants; a new name changes its slug.

    Raises GroupExists, Invalid for a member whom the directory doesn't know, LastAdministrator, NotFound.
    """
    team, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    kept, group = _find(work, directory, group_id)
    name = check_name(wish.name)

    is_changed = kept.external_id != wish.external_id
    if name != group.name:
        after = replace(group, name=name, slug=slugs.slugify(name))
        with pending_invitations.settling(work, team, group=group):
            group_rows.change(work.tx, after)
            facts = [{"name": each.name, "slug": each.slug} for each in (group, after)]
            work.record(Event.GROUP_CHANGED, team, group.slug, before=facts[0], after=facts[1])
        group, is_changed = after, True
    if wish.members is not None:
        is_changed = _set_members(work, team, directory, group, wish.members) or is_changed
    if is_changed:
        directory_group_rows.keep(work.tx, directory, group.id, external_id=wish.external_id, at=work.next_timestamp())
    return read(work, directory_id, group_id, members=members)


def remove(work: UnitOfWork, directory_id: str, group_id: str) -> None:
    """Delete a group of the directory, with its privileges. Raises LastAdministrator, NotFound."""
    team, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    _, group = _find(work, directory, group_id)

    group_rows.change(work.tx, replace(group, directory_id=None))
    with directory_accounts.keeping(work):
        groups.delete(work, team.id, group.slug)


# -- parts -----------------------------------------------------------------------------------------


def _find(work: UnitOfWork, directory: Directory, group_id: str) -> tuple[DirectoryGroup, Group]:
    found = directory_group_rows.find(work.tx, directory, group_id)
    if found is None:
        raise NotFound(f"the directory has no Group {quote_text(group_id)}")
    return found


def _with_members(
    work: UnitOfWork, directory: Directory, found: Sequence[DirectoryGroup], *, members: bool
) -> list[KnownGroup]:
    if not members:
        return [KnownGroup(group, None) for group in found]
    by_group: dict[str, list[str]] = {group.id: [] for group in found}
    for group_id, person_id in directory_group_rows.members(work.tx, directory, by_group):
        by_group[group_id].append(person_id)
    return [KnownGroup(group, by_group[group.id]) for group in found]


def _adopt(work: UnitOfWork, team: Account, directory: Directory, group: Group) -> Group:
    """Let the directory keep a group that the team has; pending invitations lose it. Raises GroupExists."""
    if group.directory_id is not None or not directory.adopts_groups:
        raise GroupExists(f"the team has a group {group.name!r} already")
    adopted = replace(group, directory_id=directory.id)

    group_rows.change(work.tx, adopted)
    for invitation in invitation_rows.remove_group_of_invitation(work.tx, team.id, group.id, group.slug):
        if not invitation.groups:
            invitation_rows.remove(work.tx, invitation)
        event = Event.INVITATION_CHANGED if invitation.groups else Event.INVITATION_WITHDRAWN
        before = {"groups": sorted((*invitation.groups, group.slug))}
        work.record(event, team, invitation.email, before=before, after={"groups": sorted(invitation.groups)})

    work.record(Event.DIRECTORY_GROUP_ADOPTED, team, group.slug, after={"directory": directory.label})
    return adopted


def _set_members(
    work: UnitOfWork,
    team: Account,
    directory: Directory,
    group: Group,
    wanted_ids: Iterable[str],
    *,
    is_taken_over: bool = False,
) -> bool:
    """Let exactly these people be in a group; return whether that changed anything. A person named twice is once in it.

    Raises Invalid for somebody whom the directory doesn't know, LastAdministrator.
    """
    wanted = dict.fromkeys(id.lower() for id in wanted_ids)
    present = directory_group_rows.member_ids(work.tx, group)
    coming = [id for id in wanted if id not in present]
    # Whoever is in a group that the directory is taking over need not be somebody whom it knows.
    to_be_known = wanted if is_taken_over else coming
    people = directory_people_rows.among(work.tx, directory, to_be_known)
    unknown = next((id for id in to_be_known if id not in people), None)
    if unknown is not None:
        raise Invalid(f"the directory has no User {quote_text(unknown)}")
    leaving = account_rows.find_many(work.tx, present - wanted.keys())
    if not coming and not leaving:
        return False

    invited = {*invitee_rows.of_account(work.tx, team.id)}
    concerned = [each for each in (*(people[id] for id in coming), *leaving.values()) if each.id in invited]
    with pending_invitations.settling(work, team, people=concerned):
        directory_group_rows.remove_members(work.tx, group, leaving)
        directory_group_rows.add_members(work.tx, group, [(id, work.next_timestamp()) for id in coming])
        for person in leaving.values():
            facts = member_facts(person)
            work.record(Event.MEMBER_REMOVED, team, group.slug, before=facts)
        for id in coming:
            work.record(Event.MEMBER_ADDED, team, group.slug, after=member_facts(people[id]))
    if leaving and group.account_privilege is AccountPrivilege.ADMIN:
        others = administrator_rows.administrators_without(work.tx, team.id, person_id=_NOBODY)
        last_administrator.require_administrator(others=others, deed=f"take everybody out of {group.slug}")
    return True
