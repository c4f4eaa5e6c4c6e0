"""Privileges of groups and people on repositories: list, grant and revoke them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from onebucket.actions import access, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, privileges
from onebucket.domain.accounts import Account
from onebucket.domain.ends import NEVER, EndKind, EndWish
from onebucket.domain.events import Event
from onebucket.domain.groups import Group, GroupWithMembers
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.repositories import Repository
from onebucket.store import end_rows, group_members, privilege_rows, repository_rows
from onebucket.store.set_levels import Grant


@dataclass(frozen=True, slots=True)
class GroupGrant:
    """A group's level on a repository, and when what is set there ends."""

    repository: Repository
    roster: GroupWithMembers
    level: Level
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PrivilegeListing:
    """Levels of an account's groups on its repositories, ordered by repository, then group; computed while iterating.

    `set_there` maps (repository id, group id) to levels that were set explicitly. Entries below `least` are left out
    and, with `private`, those of public repositories (contract/api-1.0.md#4). `ends` maps the same pairs to their ends,
    if those were asked for.
    """

    owner: Account
    repositories: Iterable[Repository]
    rosters: list[GroupWithMembers]
    set_there: Mapping[tuple[str, str], Level]
    least: Level = Level.READ
    private: bool = False
    ends: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    def __iter__(self) -> Iterator[GroupGrant]:
        places = {roster.group.id: place for place, roster in enumerate(self.rosters)}
        with_default = [place for place, roster in enumerate(self.rosters) if roster.group.permission]
        # Most groups have nothing on most repositories: visit only those with a default or an explicit level.
        set_on: dict[str, dict[int, Level]] = {}
        for (repository_id, group_id), set_there in self.set_there.items():
            if group_id in places:
                set_on.setdefault(repository_id, {})[places[group_id]] = set_there

        for repository in self.repositories:
            if self.private and not repository.is_private:
                continue
            set_here = set_on.get(repository.id, _NOTHING)
            for place in sorted({*with_default, *set_here}):
                roster = self.rosters[place]
                level = privileges.group_level(set_there=set_here.get(place), permission=roster.group.permission)
                if level and level >= self.least:
                    yield GroupGrant(repository, roster, level, self.ends.get((repository.id, roster.group.id)))


_NOTHING: Mapping[int, Level] = {}


@dataclass(frozen=True, slots=True)
class PrivilegeFilter:
    """Query parameters of a listing: minimum level, private repositories only, with members (contract/api-1.0.md#4).

    `ends`: also when what is set ends.
    """

    least: Level = Level.READ
    private: bool = False
    members: bool = True
    ends: bool = False


def _ends(
    work: UnitOfWork, owner: Account, kind: EndKind, wanted: PrivilegeFilter
) -> Mapping[tuple[str, str], datetime]:
    return end_rows.of_levels(work.tx, owner.id, kind) if wanted.ends else {}


def of_account(work: UnitOfWork, account_name: str, wanted: PrivilegeFilter) -> PrivilegeListing:
    """List the group privileges on all repositories of an account (contract/api-1.0.md#p1)."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    repositories = repository_rows.each_of_account(work.tx, owner.id)
    rosters = group_members.load_groups(work.tx, account_id=owner.id, members=wanted.members)
    return PrivilegeListing(
        owner,
        repositories,
        rosters,
        privilege_rows.levels(work.tx, owner.id),
        wanted.least,
        wanted.private,
        _ends(work, owner, EndKind.GROUP_PRIVILEGE, wanted),
    )


def of_repository(work: UnitOfWork, account_name: str, slug: str, wanted: PrivilegeFilter) -> PrivilegeListing:
    """List the group privileges on a repository (contract/api-1.0.md#p2)."""
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    rosters = group_members.load_groups(
        work.tx, account_id=owner.id, repository_id=repository.id, members=wanted.members
    )
    set_there = privilege_rows.on_repository(work.tx, owner.id, repository.id)
    until = _ends(work, owner, EndKind.GROUP_PRIVILEGE, wanted)
    return PrivilegeListing(owner, [repository], rosters, set_there, wanted.least, wanted.private, until)


def of_group(
    work: UnitOfWork, account_name: str, group_owner: str, group_slug: str, wanted: PrivilegeFilter
) -> PrivilegeListing:
    """List a group's privileges on all repositories of its account (contract/api-1.0.md#p4)."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    group = access.group_of(work, owner, group_owner, group_slug)
    return PrivilegeListing(
        owner,
        repository_rows.each_of_account(work.tx, owner.id),
        [_roster(work, owner, group, members=wanted.members)],
        privilege_rows.for_group(work.tx, owner.id, group.id),
        wanted.least,
        wanted.private,
        _ends(work, owner, EndKind.GROUP_PRIVILEGE, wanted),
    )


def one(
    work: UnitOfWork, account_name: str, slug: str, group_owner: str, group_slug: str, wanted: PrivilegeFilter
) -> PrivilegeListing:
    """List one group's privilege on one repository: one entry or none (contract/api-1.0.md#p3)."""
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    group = access.group_of(work, owner, group_owner, group_slug)
    set_there = privilege_rows.level(work.tx, owner.id, repository.id, group.id)
    return _one(work, owner, repository, group, set_there, wanted)


def of_group_there(
    work: UnitOfWork, account_name: str, slug: str, group_slug: str
) -> tuple[Account, Repository, Group, Level, datetime | None]:
    """Return what a group of the same account has on a repository, set there or by its default; may be `NONE`.

    The last is when what is set there ends.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    group = access.group_of(work, owner, owner.id, group_slug)
    set_there, until = privilege_rows.set_level(work.tx, owner.id, repository.id, group.id)
    return owner, repository, group, privileges.group_level(set_there=set_there, permission=group.permission), until


def _one(
    work: UnitOfWork,
    owner: Account,
    repository: Repository,
    group: Group,
    set_there: Level | None,
    wanted: PrivilegeFilter,
) -> PrivilegeListing:
    levels = {} if set_there is None else {(repository.id, group.id): set_there}
    roster = _roster(work, owner, group, members=wanted.members)
    until = _ends(work, owner, EndKind.GROUP_PRIVILEGE, wanted)
    return PrivilegeListing(owner, [repository], [roster], levels, wanted.least, wanted.private, until)


def _roster(work: UnitOfWork, owner: Account, group: Group, *, members: bool) -> GroupWithMembers:
    return GroupWithMembers(group, owner, group_members.members(work.tx, group) if members else None)


# -- for groups ------------------------------------------------------------------------------------


def grant(
    work: UnitOfWork,
    account_name: str,
    slug: str,
    group_owner: str,
    group_slug: str,
    level: Level,
    wanted: PrivilegeFilter,
    until: EndWish = None,
) -> PrivilegeListing:
    """Set a group's level on a repository and return the new state; idempotent (contract/api-1.0.md#p5).

    Without `until`, what ends keeps its end. Raises Invalid for an end that has passed.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    group = access.group_of(work, owner, group_owner, group_slug)

    _set(work, owner, repository, group, level, until)

    return _one(work, owner, repository, group, level, wanted)


def revoke(work: UnitOfWork, account_name: str, slug: str, group_owner: str, group_slug: str) -> None:
    """Revoke a group's privilege on a repository, also one by default (contract/api-1.0.md#p6).

    Sets `NONE` there, which overrides the group's permission (contract/api-1.0.md#1.14).
    Raises NotFound when the group has no privilege there.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    group = access.group_of(work, owner, group_owner, group_slug)
    set_there = privilege_rows.level(work.tx, owner.id, repository.id, group.id)
    if not privileges.group_level(set_there=set_there, permission=group.permission):
        raise NotFound(f"{group.slug} has no privilege on {repository.slug}")

    _set(work, owner, repository, group, Level.NONE, NEVER)


def revoke_everywhere(work: UnitOfWork, account_name: str, group_owner: str, group_slug: str) -> None:
    """Revoke a group's privileges on all repositories that exist now (contract/api-1.0.md#p7)."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    group = access.group_of(work, owner, group_owner, group_slug)
    set_there = privilege_rows.for_group(work.tx, owner.id, group.id)

    for repository in repository_rows.of_account(work.tx, owner.id):
        if privileges.group_level(set_there=set_there.get((repository.id, group.id)), permission=group.permission):
            _set(work, owner, repository, group, Level.NONE, NEVER)


def set_for_group(
    work: UnitOfWork, account_name: str, slug: str, group_slug: str, level: Level, until: EndWish = None
) -> None:
    """Set the level of a group of the same account on a repository, as `grant` does.

    `NONE` overrides the group's permission (contract/api-1.0.md#1.14).
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    _set(work, owner, repository, access.group_of(work, owner, owner.id, group_slug), level, until)


def unset_for_group(work: UnitOfWork, account_name: str, slug: str, group_slug: str) -> None:
    """Remove a group's explicit level on a repository, so that the group's permission applies there again."""
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    group = access.group_of(work, owner, owner.id, group_slug)
    before, ended = privilege_rows.set_level(work.tx, owner.id, repository.id, group.id)

    if before is None:
        return
    with pending_invitations.settling(work, owner, group=group):
        if privilege_rows.remove_for_group(work.tx, owner.id, repository.id, group.id):
            facts = privileges.facts("group", group.slug, before, ended)
            work.record(Event.GROUP_PRIVILEGE_REMOVED, owner, repository.slug, before=facts)


def _set(work: UnitOfWork, owner: Account, repository: Repository, group: Group, level: Level, until: EndWish) -> None:
    query = privilege_rows.level_query(owner.id, repository.id, group.id)
    pending_invitations.look_ahead(work, owner, group=group, also=query)
    before, ended = privilege_rows.set_level(work.tx, owner.id, repository.id, group.id)
    # A level that is taken away doesn't come back when what was there would have ended.
    kept = ended if level or before is level else None
    end = ends.settled(until, kept, at=work.at)
    if (before, ended) == (level, end):
        return

    with pending_invitations.settling(work, owner, group=group):
        granted = Grant(work.actor.id, work.next_timestamp(), end)
        privilege_rows.set_for_group(work.tx, owner.id, repository.id, group.id, level, granted)

        work.record(
            Event.GROUP_PRIVILEGE_SET,
            owner,
            repository.slug,
            before=privileges.facts("group", group.slug, before, ended),
            after=privileges.facts("group", group.slug, level, end),
        )


# -- for people ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DirectGrant:
    """A level on a repository that a person was given directly, not through a group, and when that ends."""

    owner: Account
    repository: Repository
    person: Account
    level: Level
    until: datetime | None = None


def list_direct(
    work: UnitOfWork,
    account_name: str,
    slug: str | None = None,
    name: str | None = None,
    wanted: PrivilegeFilter = PrivilegeFilter(),
) -> Iterator[DirectGrant]:
    """List direct grants in an account, on one repository, or of one person there."""
    if slug is None:
        owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
        repository = None
    else:
        owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    person = access.person(work, name) if name is not None else None

    rows: Iterable[tuple[Repository, Account, Level]]
    if repository is None:
        rows = privilege_rows.given(work.tx, owner.id, least=wanted.least, private=wanted.private)
    elif wanted.private and not repository.is_private:
        rows = []
    elif person is None:
        rows = privilege_rows.given_there(work.tx, owner.id, repository.id, least=wanted.least)
    else:
        given, end = privilege_rows.given_level(work.tx, owner.id, repository.id, person.id)
        grant = DirectGrant(owner, repository, person, given or Level.NONE, end if wanted.ends else None)
        return iter([grant] if given is not None and given >= wanted.least else [])
    until = _ends(work, owner, EndKind.PRIVILEGE, wanted)
    return (
        DirectGrant(owner, granted_on, grantee, level, until.get((granted_on.id, grantee.id)))
        for granted_on, grantee, level in rows
    )


def of_person_there(work: UnitOfWork, account_name: str, slug: str, name: str) -> DirectGrant:
    """Return what a person was given directly on a repository; its level may be `NONE`."""
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    person = access.person(work, name)
    level, until = privilege_rows.given_level(work.tx, owner.id, repository.id, person.id)
    return DirectGrant(owner, repository, person, level or Level.NONE, until)


def grant_direct(
    work: UnitOfWork, account_name: str, slug: str, name: str, level: Level, until: EndWish = None
) -> DirectGrant:
    """Grant a person a level on a repository directly; idempotent. Without `until`, what ends keeps its end.

    Raises Invalid for an end that has passed, and for `NONE`: use `revoke_direct`.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    person = access.person(work, name)
    if level is Level.NONE:
        raise Invalid("the permission must be read, write or admin")
    query = privilege_rows.person_query(owner.id, repository.id, person.id)
    pending_invitations.look_ahead(work, owner, person=person, also=query)
    before, ended = privilege_rows.given_level(work.tx, owner.id, repository.id, person.id)
    end = ends.settled(until, ended, at=work.at)

    if (before, ended) != (level, end):
        with pending_invitations.settling(work, owner, person=person):
            granted = Grant(work.actor.id, work.next_timestamp(), end)
            privilege_rows.set_for_person(work.tx, owner.id, repository.id, person.id, level, granted)
            work.record(
                Event.PRIVILEGE_SET,
                owner,
                repository.slug,
                before=privileges.facts("user", person.username, before, ended),
                after=privileges.facts("user", person.username, level, end),
            )

    return DirectGrant(owner, repository, person, level, end)


def revoke_direct(work: UnitOfWork, account_name: str, slug: str | None = None, name: str | None = None) -> None:
    """Revoke direct grants: all of an account, those on one repository, or one person's there.

    Raises NotFound when `name` is given and that person has no direct grant there.
    """
    ended = [*list_direct(work, account_name, slug, name, PrivilegeFilter(ends=True))]
    if name is not None and not ended:
        raise NotFound(f"{name[:64]} has no direct privilege on that repository")

    for each in ended:
        with pending_invitations.settling(work, each.owner, person=each.person):
            privilege_rows.remove_for_person(work.tx, each.owner.id, each.repository.id, each.person.id)
            facts = privileges.facts("user", each.person.username, each.level, each.until)
            work.record(Event.PRIVILEGE_REMOVED, each.owner, each.repository.slug, before=facts)


def unset_for_person(work: UnitOfWork, account_name: str, slug: str, name: str) -> None:
    """Revoke a person's direct grant on a repository; does nothing when they have none."""
    if any(list_direct(work, account_name, slug, name)):
        revoke_direct(work, account_name, slug, name)
