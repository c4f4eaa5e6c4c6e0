"""JSON shapes of API 1.0, with fields in the documented order (contract/api-1.0.md#2)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType, NoneType
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions.privileges import DirectGrant, PrivilegeListing
from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.invitations import Invitation
from onebucket.surfaces.core.surface import StreamedList
from onebucket.surfaces.v1.user_shaper import user_shaper
from onebucket.wire import times
from onebucket.wire.lazy_list import lazy_list


class User(Struct, frozen=True):
    """A person or a team: the modern keys and those from before 2019 together. Nobody's e-mail address is shown.

    `until` is when a member's membership ends, for callers who ask with `include=until`.
    """

    display_name: str
    account_id: str | None
    uuid: str
    nickname: str
    username: str
    first_name: str
    last_name: str
    is_team: bool
    is_staff: bool
    is_active: bool
    avatar: str
    resource_uri: str
    until: str | UnsetType = UNSET


class PendingMember(Struct, frozen=True):
    """An address that is invited to a group."""

    email: str
    invited_by: User
    utc_sent_on: str


class Group(Struct, frozen=True, kw_only=True):
    """A group; `members` is left out where `exclude_members` asked for that.

    `pending`, who is invited to it, is there for administrators who ask with `include=pending`.
    """

    name: str
    slug: str
    permission: str | None
    auto_add: bool
    email_forwarding_disabled: bool
    members: list[User] | UnsetType = UNSET
    pending: list[PendingMember] | UnsetType = UNSET
    owner: User


class PrivilegedUser(Struct, frozen=True):
    """A person or a team as privileges show them: with a `mention_id`, without a `resource_uri`."""

    display_name: str
    account_id: str | None
    mention_id: str | None
    uuid: str
    nickname: str
    username: str
    first_name: str
    last_name: str
    is_team: bool
    is_staff: bool
    is_active: bool
    avatar: str


class PrivilegedGroup(Struct, frozen=True, kw_only=True):
    """A group as privileges show it: without its permission and its flags."""

    owner: PrivilegedUser
    name: str
    members: list[PrivilegedUser] | UnsetType = UNSET
    slug: str


class RepositoryName(Struct, frozen=True):
    """Which repository a privilege is on."""

    owner: PrivilegedUser
    name: str
    slug: str


class GroupPrivilege(Struct, frozen=True):
    """What a group has on a repository; `repo` is `account/slug`. With `include=until`, when what is set there ends."""

    repo: str
    privilege: str
    group: PrivilegedGroup
    repository: RepositoryName
    until: str | UnsetType = UNSET


class DirectPrivilege(Struct, frozen=True):
    """What was given to a person directly on a repository. With `include=until`, when that ends."""

    repo: str
    privilege: str
    user: PrivilegedUser
    repository: RepositoryName
    until: str | UnsetType = UNSET


def end(until: datetime | None) -> str | UnsetType:
    """Shape an end; it is left out where there is none."""
    return UNSET if until is None else ends.text(until)


def user(account: Account, base_url: str, until: datetime | None = None) -> User:
    """Shape a person or a team, and when their membership ends."""
    return User(
        display_name=account.display_name,
        account_id=account.aaid,
        uuid=f"{{{account.id}}}",
        nickname=account.nickname or account.username,
        username=account.username,
        first_name=account.first_name,
        last_name=account.last_name,
        is_team=account.is_team,
        is_staff=account.site_admin,
        is_active=account.is_active,
        avatar=f"{base_url}/avatars/{account.username}/32",
        resource_uri=f"/1.0/users/{account.username}",
        until=end(until),
    )


def users(
    accounts: Iterable[Account], base_url: str, until: Mapping[str, datetime] = MappingProxyType({})
) -> list[User] | StreamedList:
    """Shape several people; streamed if `accounts` isn't a tuple, because then they are read one by one.

    `until` is when memberships end, by the person's id.
    """
    if isinstance(accounts, tuple):
        return [user(account, base_url, until.get(account.id)) for account in accounts]
    return StreamedList(lazy_list(user(account, base_url, until.get(account.id)) for account in accounts))


# Returns a group's pending invitations; None if the caller may not see them or didn't ask for them.
Pending = Callable[[GroupWithMembers], Iterable[Invitation] | None]


# Returns when memberships of a group end, by the person's id; nothing if the caller didn't ask for that.
MemberEnds = Callable[[GroupWithMembers], Mapping[str, datetime]]


def group(
    roster: GroupWithMembers,
    base_url: str,
    pending: Pending = lambda roster: None,
    member_ends: MemberEnds = lambda roster: {},
) -> Group | StreamedList:
    """Shape one group; streamed if its members are read one by one."""
    shaped = GroupShapes(base_url, pending, member_ends).shaped(roster)
    return shaped if isinstance(roster.members, tuple | NoneType) else StreamedList(shaped)


def groups(
    rosters: Iterable[GroupWithMembers],
    base_url: str,
    pending: Pending = lambda roster: None,
    member_ends: MemberEnds = lambda roster: {},
) -> list[Group] | StreamedList:
    """Shape several groups; streamed if they, or their members, are read one by one."""
    shape = GroupShapes(base_url, pending, member_ends).shaped
    if isinstance(rosters, list) and all(isinstance(roster.members, tuple | NoneType) for roster in rosters):
        return [shape(roster) for roster in rosters]
    return StreamedList(lazy_list(map(shape, rosters)))


class GroupShapes:
    """Shapes groups and their pending invitations; each person is shaped once, and again where a membership ends."""

    def __init__(self, base_url: str, pending: Pending, member_ends: MemberEnds = lambda roster: {}) -> None:
        self._base_url = base_url
        self._pending = pending
        self._ends = member_ends
        self._shape_user = user_shaper(lambda account: user(account, base_url))

    def shaped(self, roster: GroupWithMembers) -> Group:
        """Shape one group."""
        shape_user, pending = self._shape_user, self._pending(roster)
        return Group(
            name=roster.group.name,
            slug=roster.group.slug,
            permission=roster.group.permission.word if roster.group.permission else None,
            auto_add=roster.group.auto_add,
            email_forwarding_disabled=roster.group.email_forwarding_disabled,
            members=_members(roster.members, self._member_shaper(roster)),
            pending=UNSET if pending is None else [self._invited(invitation) for invitation in pending],
            owner=shape_user(roster.owner),
        )

    def _member_shaper(self, roster: GroupWithMembers) -> Callable[[Account], User]:
        ends = self._ends(roster)
        if not ends:
            return self._shape_user

        def shape(member: Account) -> User:
            until = ends.get(member.id)
            return self._shape_user(member) if until is None else user(member, self._base_url, until)

        return shape

    def _invited(self, invitation: Invitation) -> PendingMember:
        return PendingMember(invitation.email, self._shape_user(invitation.invited_by), times.utc(invitation.sent_at))


_Shape = TypeVar("_Shape")


def _members(members: Iterable[Account] | None, shape_user: Callable[[Account], _Shape]) -> list[_Shape] | UnsetType:
    """Shape the members, lazily if they are read one by one; UNSET if they weren't asked for."""
    if members is None:
        return UNSET
    return (
        [shape_user(member) for member in members]
        if isinstance(members, tuple)
        else lazy_list(map(shape_user, members))
    )


def privileges(listing: PrivilegeListing, base_url: str) -> StreamedList:
    """Stream what groups have on repositories; each person and group is shaped once.

    Groups whose members are read one by one are the exception: they are shaped again for each entry.
    """
    shape_user = user_shaper(lambda account: privileged_user(account, base_url))
    owner = shape_user(listing.owner)
    cache: dict[str, PrivilegedGroup] = {}

    def group(roster: GroupWithMembers) -> PrivilegedGroup:
        shaped = cache.get(roster.group.id)
        if shaped is None:
            members = _members(roster.members, shape_user)
            shaped = PrivilegedGroup(owner=owner, name=roster.group.name, members=members, slug=roster.group.slug)
            if isinstance(roster.members, tuple | NoneType):
                cache[roster.group.id] = shaped
        return shaped

    def entries() -> Iterator[GroupPrivilege]:
        for entry in listing:
            repository = entry.repository
            yield GroupPrivilege(
                repo=f"{listing.owner.username}/{repository.slug}",
                privilege=entry.level.word,
                group=group(entry.roster),
                repository=RepositoryName(owner=owner, name=repository.name, slug=repository.slug),
                until=end(entry.until),
            )

    return StreamedList(lazy_list(entries()))


def direct_privileges(grants: Iterable[DirectGrant], base_url: str) -> StreamedList:
    """Stream what people were granted directly, with ends where they were asked for."""
    return StreamedList(lazy_list(direct_privilege(grant, base_url, with_end=True) for grant in grants))


def direct_privilege(grant: DirectGrant, base_url: str, *, with_end: bool) -> DirectPrivilege:
    """Shape one direct grant."""
    repository = grant.repository
    return DirectPrivilege(
        repo=f"{grant.owner.username}/{repository.slug}",
        privilege=grant.level.word,
        user=privileged_user(grant.person, base_url),
        repository=RepositoryName(
            owner=privileged_user(grant.owner, base_url), name=repository.name, slug=repository.slug
        ),
        until=end(grant.until) if with_end else UNSET,
    )


def privileged_user(account: Account, base_url: str) -> PrivilegedUser:
    """Shape a person or a team as privileges show them: with `mention_id`, without `resource_uri`."""
    plain = user(account, base_url)
    return PrivilegedUser(
        mention_id=account.aaid,
        **{name: getattr(plain, name) for name in PrivilegedUser.__struct_fields__ if name != "mention_id"},
    )
