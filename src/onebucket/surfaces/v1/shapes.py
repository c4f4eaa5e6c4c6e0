"""What each thing looks like in 1.0, field by field and in the documented order (contract/api-1.0.md#2)."""

from collections.abc import Callable, Iterable, Iterator
from types import NoneType
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions.privileges import DirectGrant, PrivilegeListing
from onebucket.domain.accounts import Account
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.invitations import Invitation
from onebucket.surfaces.routing import StreamedList
from onebucket.wire import times
from onebucket.wire.lazy_list import lazy_list


class User(Struct, frozen=True):
    """A person or a team: the modern keys and those from before 2019 together. Nobody's e-mail address is shown."""

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
    """What a group has on a repository; `repo` is `account/slug`."""

    repo: str
    privilege: str
    group: PrivilegedGroup
    repository: RepositoryName


class DirectPrivilege(Struct, frozen=True):
    """What was given to a person directly on a repository."""

    repo: str
    privilege: str
    user: PrivilegedUser
    repository: RepositoryName


def user(account: Account, base_url: str) -> User:
    """A person or a team."""
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
    )


def users(accounts: Iterable[Account], base_url: str) -> list[User] | StreamedList:
    """Several people; a stream where they come one after the other."""
    if isinstance(accounts, tuple):
        return [user(account, base_url) for account in accounts]
    return StreamedList(lazy_list(user(account, base_url) for account in accounts))


# What tells who is invited to a group; None where that isn't to be said.
Pending = Callable[[GroupWithMembers], Iterable[Invitation] | None]


def group(roster: GroupWithMembers, base_url: str, pending: Pending = lambda roster: None) -> Group | StreamedList:
    """One group; a stream where its members come one after the other."""
    shaped = GroupShapes(base_url, pending).shaped(roster)
    return shaped if isinstance(roster.members, tuple | NoneType) else StreamedList(shaped)


def groups(
    rosters: Iterable[GroupWithMembers], base_url: str, pending: Pending = lambda roster: None
) -> list[Group] | StreamedList:
    """Several groups; a stream where they or their members come one after the other."""
    shape = GroupShapes(base_url, pending).shaped
    if isinstance(rosters, list) and all(isinstance(roster.members, tuple | NoneType) for roster in rosters):
        return [shape(roster) for roster in rosters]
    return StreamedList(lazy_list(map(shape, rosters)))


class GroupShapes:
    """Shapes groups, with those invited to them; whoever is in many of them is shaped once."""

    def __init__(self, base_url: str, pending: Pending) -> None:
        self._pending = pending
        self._face = user_shaper(lambda account: user(account, base_url))

    def shaped(self, roster: GroupWithMembers) -> Group:
        """One of them."""
        face, pending = self._face, self._pending(roster)
        return Group(
            name=roster.group.name,
            slug=roster.group.slug,
            permission=roster.group.permission.word if roster.group.permission else None,
            auto_add=roster.group.auto_add,
            email_forwarding_disabled=roster.group.email_forwarding_disabled,
            members=_shown(roster.members, face),
            pending=UNSET if pending is None else [self._invited(each) for each in pending],
            owner=face(roster.owner),
        )

    def _invited(self, invitation: Invitation) -> PendingMember:
        return PendingMember(invitation.email, self._face(invitation.invited_by), times.utc(invitation.sent_at))


_Face = TypeVar("_Face")


def user_shaper(shape: Callable[[Account], _Face]) -> Callable[[Account], _Face]:
    """What tells what people look like, and shapes each once; of more than are held at once, some are shaped again."""
    known: dict[str, _Face] = {}

    def face(account: Account) -> _Face:
        found = known.get(account.id)
        if found is None:
            if len(known) >= MAX_SHAPED_USERS:
                known.clear()
            found = known[account.id] = shape(account)
        return found

    return face


MAX_SHAPED_USERS = 5000


def _shown(members: Iterable[Account] | None, face: Callable[[Account], _Face]) -> list[_Face] | UnsetType:
    """Members where they were asked for, a list of `LazyList` where they come one after the other."""
    if members is None:
        return UNSET
    return [face(member) for member in members] if isinstance(members, tuple) else lazy_list(map(face, members))


def privileges(listing: PrivilegeListing, base_url: str) -> StreamedList:
    """What groups have on repositories, an entry at a time; groups and repositories are shaped once each.

    But for groups whose members come one after the other, who come again with each entry.
    """
    face = user_shaper(lambda account: privileged_user(account, base_url))
    owner = face(listing.owner)
    known: dict[str, PrivilegedGroup] = {}

    def group(roster: GroupWithMembers) -> PrivilegedGroup:
        shaped = known.get(roster.group.id)
        if shaped is None:
            members = _shown(roster.members, face)
            shaped = PrivilegedGroup(owner=owner, name=roster.group.name, members=members, slug=roster.group.slug)
            if isinstance(roster.members, tuple | NoneType):
                known[roster.group.id] = shaped
        return shaped

    def entries() -> Iterator[GroupPrivilege]:
        for each in listing:
            repository = each.repository
            yield GroupPrivilege(
                repo=f"{listing.owner.username}/{repository.slug}",
                privilege=each.level.word,
                group=group(each.roster),
                repository=RepositoryName(owner=owner, name=repository.name, slug=repository.slug),
            )

    return StreamedList(lazy_list(entries()))


def direct_privileges(given: Iterable[DirectGrant], base_url: str) -> StreamedList:
    """What was given to people directly."""
    return StreamedList(lazy_list(direct_privilege(each, base_url) for each in given))


def direct_privilege(given: DirectGrant, base_url: str) -> DirectPrivilege:
    """What was given to a person directly."""
    repository = given.repository
    return DirectPrivilege(
        repo=f"{given.owner.username}/{repository.slug}",
        privilege=given.level.word,
        user=privileged_user(given.person, base_url),
        repository=RepositoryName(
            owner=privileged_user(given.owner, base_url), name=repository.name, slug=repository.slug
        ),
    )


def privileged_user(account: Account, base_url: str) -> PrivilegedUser:
    """A person or a team, as privileges show them."""
    plain = user(account, base_url)
    return PrivilegedUser(
        mention_id=account.aaid,
        **{name: getattr(plain, name) for name in plain.__struct_fields__ if name != "resource_uri"},
    )
