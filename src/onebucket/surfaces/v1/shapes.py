"""What each thing looks like in 1.0, field by field and in the documented order (spec 2)."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Roster


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


class Group(Struct, frozen=True, kw_only=True):
    """A group; `members` is left out where `exclude_members` asked for that."""

    name: str
    slug: str
    permission: str | None
    auto_add: bool
    email_forwarding_disabled: bool
    members: list[User] | UnsetType = UNSET
    owner: User


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


def groups(rosters: Iterable[Roster], base_url: str) -> list[Group]:
    """Several groups; whoever is in many of them is shaped once."""
    shaped: dict[str, User] = {}

    def face(account: Account) -> User:
        return shaped.get(account.id) or shaped.setdefault(account.id, user(account, base_url))

    return [
        Group(
            name=roster.group.name,
            slug=roster.group.slug,
            permission=roster.group.permission.word if roster.group.permission else None,
            auto_add=roster.group.auto_add,
            email_forwarding_disabled=roster.group.email_forwarding_disabled,
            members=UNSET if roster.members is None else [face(member) for member in roster.members],
            owner=face(roster.owner),
        )
        for roster in rosters
    ]
