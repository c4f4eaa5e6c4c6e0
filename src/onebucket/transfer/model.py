"""What an account document holds: people and teams, and what is theirs.

The keys and their order are those of the page on running a server. A field that is `UNSET` says nothing: applying the
document leaves that attribute as it is, or at its default where the thing is new.
"""

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from onebucket import slugs
from onebucket.domain import accounts
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Refusal

T = TypeVar("T")
P = TypeVar("P", bound="Part")

VERSION = 1

# People whose address nobody knows get one here, where no letter can arrive (RFC 2606).
NOWHERE = "@users.noreply.invalid"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of a document is."""


class Token(Part, frozen=True, kw_only=True):
    """An app password whose secret is known: for fixtures."""

    label: str = ""
    secret: str
    scopes: list[str]


class Group(Part, frozen=True, kw_only=True):
    """A group; its slug follows from its name. `Level.NONE` is no permission; `previously` are names it had before."""

    name: str
    previously: list[str] | UnsetType = UNSET
    account_privilege: AccountPrivilege | UnsetType | None = UNSET
    permission: Level | UnsetType = UNSET
    auto_add: bool | UnsetType = UNSET
    email_forwarding_disabled: bool | UnsetType = UNSET
    members: list[str] | UnsetType = UNSET


class Repository(Part, frozen=True, kw_only=True):
    """A repository; `privileges` is what is set for groups, by slug, and `users` for people."""

    slug: str
    name: str | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET
    privileges: dict[str, Level] | UnsetType = UNSET
    users: dict[str, Level] | UnsetType = UNSET


class Invitation(Part, frozen=True, kw_only=True):
    """A pending invitation: to `groups`, or to `repository` with `permission`."""

    email: str
    groups: list[str] | UnsetType = UNSET
    repository: str | UnsetType = UNSET
    permission: Level | UnsetType = UNSET
    invited_by: str


class User(Part, frozen=True, kw_only=True):
    """A person, with what their personal account owns."""

    username: str
    uuid: str | UnsetType = UNSET
    account_id: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    nickname: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    password_hash: str | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    site_admin: bool | UnsetType = UNSET
    tokens: list[Token] | UnsetType = UNSET
    groups: list[Group] | UnsetType = UNSET
    repositories: list[Repository] | UnsetType = UNSET
    invitations: list[Invitation] | UnsetType = UNSET


class Team(Part, frozen=True, kw_only=True):
    """A team, with what it owns."""

    username: str
    uuid: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    groups: list[Group] | UnsetType = UNSET
    repositories: list[Repository] | UnsetType = UNSET
    invitations: list[Invitation] | UnsetType = UNSET


class Document(Part, frozen=True, kw_only=True):
    """Whole accounts: people, and teams."""

    onebucket: int = VERSION
    users: list[User] = []
    teams: list[Team] = []


def given_fields(value: T | UnsetType) -> T | None:
    """What a field says, None when it says nothing."""
    return None if isinstance(value, UnsetType) else value


# -- which one a part is ---------------------------------------------------------------------------

Identity = tuple[Hashable, str]


def identity(part: Part) -> Identity:
    """What tells a part from its likes, and what it is called in a sentence."""
    match part:
        case User() | Team():
            return accounts.username_key(part.username), part.username
        case Group():
            return slugs.slugify(part.name), part.name
        case Repository():
            return part.slug, part.slug
        case Invitation():
            return (accounts.email_key(part.email), given_fields(part.repository)), part.email
        case Token():
            return part.secret, part.label
    raise TypeError(part)


# -- several documents as one ----------------------------------------------------------------------


def merged(documents: Iterable[Document]) -> Document:
    """One document that says what all of `documents` say.

    Where two name the same account, group, repository or invitation, the later one's attributes stand; lists and
    mappings are joined.
    """
    documents = list(documents)
    return Document(
        users=_merged(user for document in documents for user in document.users),
        teams=_merged(team for document in documents for team in document.teams),
    )


def _merged(parts: Iterable[P]) -> list[P]:
    found: dict[Hashable, P] = {}
    for part in parts:
        key = _key(part)
        found[key] = _over(found[key], part) if key in found else part
    return list(found.values())


def _key(part: Part) -> Hashable:
    try:
        return identity(part)[0]
    except Refusal:  # a name that can't be one is refused where it is used, with a better sentence
        return id(part)


def _over(first: P, second: P) -> P:
    return type(first)(
        **{key: _joined(getattr(first, key), getattr(second, key)) for key in first.__struct_fields__},
    )


def _joined(first: Any, second: Any) -> Any:
    match first, second:
        case [_, UnsetType()]:
            return first
        case [list(), list()]:
            joined = [*first, *second]
            return (
                _merged(joined) if any(isinstance(each, Part) for each in joined[:1]) else list(dict.fromkeys(joined))
            )
        case [dict(), dict()]:
            return first | second
    return second
