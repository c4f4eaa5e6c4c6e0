"""Data model of account documents: people and teams, and what they own.

Keys and their order are those of the documentation on running a server. An `UNSET` field is absent from the document:
applying it leaves that attribute unchanged, or at its default on a new object.
"""

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from onebucket import slugs
from onebucket.domain import accounts
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Refusal
from onebucket.domain.repositories import ForkPolicy

T = TypeVar("T")
P = TypeVar("P", bound="Part")

VERSION = 1

# Domain of placeholder addresses for people whose address is unknown; no mail can be delivered there (RFC 2606).
NOWHERE = "@users.noreply.invalid"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of all parts of a document: frozen, keyword arguments only, no unknown fields."""


class Token(Part, frozen=True, kw_only=True):
    """An app password with its secret in clear text, for test fixtures."""

    label: str = ""
    secret: str
    scopes: list[str]


class Group(Part, frozen=True, kw_only=True):
    """A group; its slug is derived from its name. `Level.NONE` means no permission; `previously` are earlier names.

    `kept_by_sign_in` is the name of the provider whose sign-ins keep it, None for nobody's. `members_until` is when
    memberships end, by the member's name; here and below, `never` is written for no end.
    """

    name: str
    previously: list[str] | UnsetType = UNSET
    account_privilege: AccountPrivilege | UnsetType | None = UNSET
    permission: Level | UnsetType = UNSET
    auto_add: bool | UnsetType = UNSET
    email_forwarding_disabled: bool | UnsetType = UNSET
    kept_by_sign_in: str | UnsetType | None = UNSET
    members: list[str] | UnsetType = UNSET
    members_until: dict[str, str] | UnsetType = UNSET


class Project(Part, frozen=True, kw_only=True):
    """A project; `repositories` are slugs, `privileges` levels of groups by slug, `users` levels of people by name.

    `privileges_until` and `users_until` are when those end.
    """

    key: str
    name: str | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET
    repositories: list[str] | UnsetType = UNSET
    privileges: dict[str, ProjectLevel] | UnsetType = UNSET
    users: dict[str, ProjectLevel] | UnsetType = UNSET
    privileges_until: dict[str, str] | UnsetType = UNSET
    users_until: dict[str, str] | UnsetType = UNSET


class Repository(Part, frozen=True, kw_only=True):
    """A repository; `privileges` are levels of groups by slug, `users` levels of people by name.

    `privileges_until` and `users_until` are when those end.
    """

    slug: str
    name: str | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET
    fork_policy: ForkPolicy | UnsetType = UNSET
    language: str | UnsetType = UNSET
    has_issues: bool | UnsetType = UNSET
    has_wiki: bool | UnsetType = UNSET
    mainbranch: str | UnsetType = UNSET
    has_inherited_merge_strategy: bool | UnsetType = UNSET
    has_inherited_branching_model: bool | UnsetType = UNSET
    privileges: dict[str, Level] | UnsetType = UNSET
    users: dict[str, Level] | UnsetType = UNSET
    privileges_until: dict[str, str] | UnsetType = UNSET
    users_until: dict[str, str] | UnsetType = UNSET


class Invitation(Part, frozen=True, kw_only=True):
    """A pending invitation: to `groups`, or to `repository` with `permission`; what it gives ends at `until`."""

    email: str
    groups: list[str] | UnsetType = UNSET
    repository: str | UnsetType = UNSET
    permission: Level | UnsetType = UNSET
    invited_by: str
    until: str | UnsetType = UNSET


class Webhook(Part, frozen=True, kw_only=True):
    """A webhook, without its secret; a new one has every event unless `events` names some."""

    url: str
    label: str | UnsetType = UNSET
    events: list[str] | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class User(Part, frozen=True, kw_only=True):
    """A person, with what their personal account owns; `previously` are earlier usernames."""

    username: str
    previously: list[str] | UnsetType = UNSET
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
    projects: list[Project] | UnsetType = UNSET
    repositories: list[Repository] | UnsetType = UNSET
    invitations: list[Invitation] | UnsetType = UNSET
    webhooks: list[Webhook] | UnsetType = UNSET


class Team(Part, frozen=True, kw_only=True):
    """A team, with what it owns."""

    username: str
    uuid: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    groups: list[Group] | UnsetType = UNSET
    projects: list[Project] | UnsetType = UNSET
    repositories: list[Repository] | UnsetType = UNSET
    invitations: list[Invitation] | UnsetType = UNSET
    webhooks: list[Webhook] | UnsetType = UNSET


class Document(Part, frozen=True, kw_only=True):
    """An account document: people and teams with what they own."""

    onebucket: int = VERSION
    users: list[User] = []
    teams: list[Team] = []


def given_fields(value: T | UnsetType) -> T | None:
    """Return a field's value, None for UNSET."""
    return None if isinstance(value, UnsetType) else value


# -- identity of parts -----------------------------------------------------------------------------

Identity = tuple[Hashable, str]


def identity(part: Part) -> Identity:
    """Return the key that is unique among parts of the same kind, and the part's name in messages."""
    match part:
        case User() | Team():
            return accounts.username_key(part.username), part.username
        case Group():
            return slugs.slugify(part.name), part.name
        case Project():
            return part.key, part.key
        case Repository():
            return part.slug, part.slug
        case Invitation():
            return (accounts.email_key(part.email), given_fields(part.repository)), part.email
        case Webhook():
            return (part.url, given_fields(part.label)), part.url
        case Token():
            return part.secret, part.label
    raise TypeError(part)


# -- merging documents -----------------------------------------------------------------------------


def merged(documents: Iterable[Document]) -> Document:
    """Merge documents into one.

    For an account, group, project, repository, invitation or webhook that is in several, later attributes win; lists
    and mappings are joined.
    """
    documents = list(documents)
    return Document(
        users=_merged(user for document in documents for user in document.users),
        teams=_merged(team for document in documents for team in document.teams),
    )


def _merged(parts: Iterable[P]) -> list[P]:
    by_key: dict[Hashable, P] = {}
    for part in parts:
        key = _key(part)
        by_key[key] = _merged_part(by_key[key], part) if key in by_key else part
    return list(by_key.values())


def _key(part: Part) -> Hashable:
    try:
        return identity(part)[0]
    except Refusal:  # an invalid name is refused when it is applied, with a better message
        return id(part)


def _merged_part(first: P, second: P) -> P:
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
