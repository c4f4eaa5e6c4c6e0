"""The account document as YAML or JSON: its grammar, reading it and writing it."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET

from onebucket import hashing, slugs
from onebucket.domain import accounts, groups, repositories
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.transfer import reading, tree, writing
from onebucket.transfer.parts import (
    VERSION,
    Document,
    Group,
    Invitation,
    Part,
    Repository,
    Team,
    Token,
    User,
    given,
    identity,
)
from onebucket.transfer.reading import (
    checked,
    flag,
    level,
    level_or_none,
    level_or_nothing,
    listed,
    mapped,
    one_of,
    struct,
    text,
)
from onebucket.transfer.tree import Unreadable

__all__ = ["Document", "Group", "Invitation", "Repository", "Team", "Token", "Unreadable", "User"]


def read(text: bytes | str, *, source: str) -> Document:
    """Read a document in YAML or JSON; `source` names it in sentences. Raises Unreadable."""
    with tree.reading(source):
        root = tree.parsed(text)
        _check_version(root)
        document = _DOCUMENT(root, "the document")
        _check_kinds(root, document)
        return document


def _check_version(root: tree.Node) -> None:
    """Refuse what isn't an account document at all before complaining about its keys."""
    version = root.items.get("onebucket") if isinstance(root, tree.Mapping) else None
    if version is None:
        raise Unreadable("this is no account document: it has no key 'onebucket: 1'", line=root.line)
    if not isinstance(version, tree.Scalar) or version.form is tree.Form.TEXT or version.text != str(VERSION):
        raise Unreadable(f"'onebucket' must be {VERSION}, the version of the document", line=version.line)


def _check_kinds(root: tree.Node, document: Document) -> None:
    people = {accounts.username_key(user.username) for user in document.users}
    for place, team in enumerate(document.teams):
        if accounts.username_key(team.username) in people:
            assert isinstance(root, tree.Mapping) and isinstance(root.items["teams"], tree.Sequence)
            line = root.items["teams"].items[place].line
            raise Unreadable(f"{team.username!r} is among the users too: an account is one or the other", line=line)


def _version(node: tree.Node, what: str) -> int:
    return VERSION


def _hash(word: str) -> None:
    if not hashing.is_password_hash(word):
        raise Invalid("it is not an argon2id hash")


def _user(node: tree.Node, what: str) -> User:
    user = _USER(node, what)
    if user.password is not UNSET and user.password_hash is not UNSET:
        raise Unreadable("a user has either 'password' or 'password_hash'", line=node.line)
    return user


def _invitation(node: tree.Node, what: str) -> Invitation:
    found = _INVITATION(node, what)
    match given(found.groups), given(found.repository), given(found.permission):
        case ([_, *_], None, None) | (None, str(), Level()):
            return found
    raise Unreadable("an invitation is either to 'groups', or to a 'repository' with a 'permission'", line=node.line)


_USERNAME = checked(accounts.checked_username)
_NAMES = listed(text, each="name")
_GROUP_NAME = checked(lambda name: slugs.slug_of(groups.name_of(name)))

_TOKEN = struct(
    Token,
    "an app password",
    {"label": text, "secret": text, "scopes": listed(checked(accounts.scope_named), each="scope")},
)
_GROUP = struct(
    Group,
    "a group",
    {
        "name": _GROUP_NAME,
        "previously": listed(_GROUP_NAME, each="name"),
        "account_privilege": one_of(AccountPrivilege),
        "permission": level_or_nothing,
        "auto_add": flag,
        "email_forwarding_disabled": flag,
        "members": _NAMES,
    },
)
_REPOSITORY = struct(
    Repository,
    "a repository",
    {
        "slug": checked(repositories.checked_slug),
        "name": checked(repositories.name_of),
        "is_private": flag,
        "description": checked(repositories.description_of),
        "privileges": mapped(level_or_none),
        "users": mapped(level),
    },
)
_INVITATION = struct(
    Invitation,
    "an invitation",
    {
        "email": checked(accounts.email_key),
        "groups": _NAMES,
        "repository": text,
        "permission": level,
        "invited_by": text,
    },
)
_OWNED: Mapping[str, reading.Reader[Any]] = {
    "groups": listed(_GROUP, each="group", identity=identity),
    "repositories": listed(_REPOSITORY, each="repository", identity=identity),
    "invitations": listed(_invitation, each="invitation", identity=identity),
}
_USER = struct(
    User,
    "a user",
    {
        "username": _USERNAME,
        "uuid": text,
        "account_id": text,
        "email": checked(accounts.email_key),
        "display_name": checked(accounts.display_name),
        "nickname": text,
        "password": text,
        "password_hash": checked(_hash),
        "is_active": flag,
        "site_admin": flag,
        "tokens": listed(_TOKEN, each="app password", identity=identity),
        **_OWNED,
    },
)
_TEAM = struct(
    Team, "a team", {"username": _USERNAME, "uuid": text, "display_name": checked(accounts.display_name), **_OWNED}
)
_DOCUMENT = struct(
    Document,
    "the document",
    {
        "onebucket": _version,
        "users": listed(_user, each="user", identity=identity),
        "teams": listed(_TEAM, each="team", identity=identity),
    },
)


# -- writing ---------------------------------------------------------------------------------------


def write(document: Document, format: Literal["yaml", "json"]) -> str:
    """Write a document so that `read` gives it back: keys in the documented order, none that says nothing."""
    plain = {"onebucket": VERSION, "users": _plain(document.users), "teams": _plain(document.teams)}
    return writing.yaml(plain) if format == "yaml" else writing.json(plain)


def _plain(value: Any, *, none: str | None = "none") -> Any:
    """A part of a document as what YAML and JSON know; `none` stands for `Level.NONE`."""
    match value:
        case Part():
            said = ((key, getattr(value, key)) for key in value.__struct_fields__)
            return {key: _plain(item, none=None) for key, item in said if item is not UNSET}
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case Level():
            return value.word if value else none
        case AccountPrivilege():
            return value.value
    return value
