"""What each thing looks like in 1.0, field by field and in the documented order (spec 2)."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions.privileges import Given, Listing
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Roster
from onebucket.domain.invitations import Invitation
from onebucket.surfaces.routing import Stream
from onebucket.wire import times


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


class Invited(Struct, frozen=True):
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
    pending: list[Invited] | UnsetType = UNSET
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


class AccountPrivilege(Struct, frozen=True):
    """What a group may do with the account that owns it: `admin` or `collaborator`."""

    privileges: str


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


def users(accounts: Iterable[Account], base_url: str) -> list[User]:
    """Several people."""
    return [user(account, base_url) for account in accounts]


def group(roster: Roster, base_url: str) -> Group:
    """One group."""
    return groups([roster], base_url)[0]


def groups(
    rosters: Iterable[Roster], base_url: str, pending: Mapping[str, Iterable[Invitation]] = MappingProxyType({})
) -> list[Group]:
    """Several groups, with those invited to them by the group's id; whoever is in many of them is shaped once."""
    shaped: dict[str, User] = {}

    def face(account: Account) -> User:
        return shaped.get(account.id) or shaped.setdefault(account.id, user(account, base_url))

    def invited(invitation: Invitation) -> Invited:
        return Invited(invitation.email, face(invitation.invited_by), times.utc(invitation.sent_at))

    return [
        Group(
            name=roster.group.name,
            slug=roster.group.slug,
            permission=roster.group.permission.word if roster.group.permission else None,
            auto_add=roster.group.auto_add,
            email_forwarding_disabled=roster.group.email_forwarding_disabled,
            members=UNSET if roster.members is None else [face(member) for member in roster.members],
            pending=[invited(each) for each in pending[roster.group.id]] if roster.group.id in pending else UNSET,
            owner=face(roster.owner),
        )
        for roster in rosters
    ]


def privileges(listing: Listing, base_url: str) -> Stream:
    """What groups have on repositories, an entry at a time; groups and repositories are shaped once each."""
    faces: dict[str, PrivilegedUser] = {}

    def face(account: Account) -> PrivilegedUser:
        return faces.get(account.id) or faces.setdefault(account.id, privileged_user(account, base_url))

    owner = face(listing.owner)
    shaped = {
        roster.group.id: PrivilegedGroup(
            owner=owner,
            name=roster.group.name,
            members=UNSET if roster.members is None else [face(member) for member in roster.members],
            slug=roster.group.slug,
        )
        for roster in listing.rosters
    }

    def entries() -> Iterator[GroupPrivilege]:
        for each in listing:
            repository = each.repository
            yield GroupPrivilege(
                repo=f"{listing.owner.username}/{repository.slug}",
                privilege=each.level.word,
                group=shaped[each.roster.group.id],
                repository=RepositoryName(owner=owner, name=repository.name, slug=repository.slug),
            )

    return Stream(entries())


def direct_privilege(given: Given, base_url: str) -> DirectPrivilege:
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
