"""The account document in YAML or JSON: its schema, reader and writer."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET

from onebucket import hashing, slugs
from onebucket.domain import accounts, ends, groups, projects, repositories, scopes, sign_in_providers, webhooks
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Invalid
from onebucket.domain.repositories import ForkPolicy
from onebucket.domain.text import clean_text
from onebucket.transfer import dump, field_parsers, source_tree
from onebucket.transfer.field_parsers import (
    checked,
    flag,
    fork_policy,
    level,
    level_or_none,
    level_or_nothing,
    listed,
    mapped,
    one_of,
    project_level,
    struct,
    text,
)
from onebucket.transfer.model import (
    VERSION,
    Document,
    Group,
    Invitation,
    Part,
    Project,
    Repository,
    Team,
    Token,
    User,
    Webhook,
    given_fields,
    identity,
)
from onebucket.transfer.source_tree import UnreadableDocument

__all__ = ["Document", "Group", "Invitation", "Project", "Repository", "Team", "Token", "UnreadableDocument", "User"]


def read(text: bytes | str, *, source: str) -> Document:
    """Read a document in YAML or JSON; `source` names it in error messages. Raises UnreadableDocument."""
    with source_tree.reading(source):
        root = source_tree.parsed(text)
        _check_version(root)
        document = _DOCUMENT(root, "the document")
        _check_kinds(root, document)
        return document


def _check_version(root: source_tree.Node) -> None:
    """Check the version first, so that a different kind of file isn't reported as having unknown keys."""
    version = root.items.get("onebucket") if isinstance(root, source_tree.Mapping) else None
    if version is None:
        raise UnreadableDocument("this is not an account document: it has no key 'onebucket: 1'", line=root.line)
    if (
        not isinstance(version, source_tree.Scalar)
        or version.form is source_tree.ScalarStyle.TEXT
        or version.text != str(VERSION)
    ):
        raise UnreadableDocument(f"'onebucket' must be {VERSION}, the version of the document", line=version.line)


def _check_kinds(root: source_tree.Node, document: Document) -> None:
    people = {accounts.username_key(user.username) for user in document.users}
    for place, team in enumerate(document.teams):
        if accounts.username_key(team.username) in people:
            assert isinstance(root, source_tree.Mapping) and isinstance(root.items["teams"], source_tree.Sequence)
            line = root.items["teams"].items[place].line
            raise UnreadableDocument(
                f"{team.username!r} is both a team and a user: an account is one or the other", line=line
            )


def _version(node: source_tree.Node, what: str) -> int:
    return VERSION


def _check_hash(text: str) -> None:
    if not hashing.is_password_hash(text):
        raise Invalid("it is not an argon2id hash")


def _user(node: source_tree.Node, what: str) -> User:
    user = _USER(node, what)
    if user.password is not UNSET and user.password_hash is not UNSET:
        raise UnreadableDocument("a user has either 'password' or 'password_hash'", line=node.line)
    return user


def _invitation(node: source_tree.Node, what: str) -> Invitation:
    invitation = _INVITATION(node, what)
    match given_fields(invitation.groups), given_fields(invitation.repository), given_fields(invitation.permission):
        case ([_, *_], None, None) | (None, str(), Level()):
            return invitation
    raise UnreadableDocument(
        "an invitation is either to 'groups', or to a 'repository' with a 'permission'", line=node.line
    )


def _keeper(node: source_tree.Node, what: str) -> str | None:
    return None if source_tree.is_null(node) else checked(sign_in_providers.check_name)(node, what)


def _check_label(label: str) -> str:
    return clean_text(label, what="the label")


_USERNAME = checked(accounts.check_username)
_END = checked(ends.parse)
_NAMES = listed(text, each="name")
_GROUP_NAME = checked(lambda name: slugs.slugify(groups.check_name(name)))

_TOKEN = struct(
    Token,
    "an app password",
    {"label": text, "secret": text, "scopes": listed(checked(scopes.parse_scope), each="scope")},
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
        "kept_by_sign_in": _keeper,
        "members": _NAMES,
        "members_until": mapped(_END),
    },
)
_PROJECT = struct(
    Project,
    "a project",
    {
        "key": checked(projects.check_key),
        "name": checked(projects.check_name),
        "is_private": flag,
        "description": checked(projects.check_description),
        "repositories": listed(text, each="slug"),
        "privileges": mapped(project_level),
        "users": mapped(project_level),
        "privileges_until": mapped(_END),
        "users_until": mapped(_END),
    },
)
_REPOSITORY = struct(
    Repository,
    "a repository",
    {
        "slug": checked(repositories.check_slug),
        "name": checked(repositories.check_name),
        "is_private": flag,
        "description": checked(repositories.check_description),
        "fork_policy": fork_policy,
        "language": checked(repositories.check_language),
        "has_issues": flag,
        "has_wiki": flag,
        "mainbranch": checked(repositories.check_branch),
        "has_inherited_merge_strategy": flag,
        "has_inherited_branching_model": flag,
        "privileges": mapped(level_or_none),
        "users": mapped(level),
        "privileges_until": mapped(_END),
        "users_until": mapped(_END),
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
        "until": _END,
    },
)
_WEBHOOK = struct(
    Webhook,
    "a webhook",
    {
        "url": text,
        "label": checked(_check_label),
        "events": listed(checked(lambda name: webhooks.parse_events([name])), each="event"),
        "active": flag,
    },
)
_OWNED: Mapping[str, field_parsers.Reader[Any]] = {
    "groups": listed(_GROUP, each="group", identity=identity),
    "projects": listed(_PROJECT, each="project", identity=identity),
    "repositories": listed(_REPOSITORY, each="repository", identity=identity),
    "invitations": listed(_invitation, each="invitation", identity=identity),
    # Two webhooks may be alike: each is told by itself.
    "webhooks": listed(_WEBHOOK, each="webhook"),
}
_USER = struct(
    User,
    "a user",
    {
        "username": _USERNAME,
        "previously": listed(_USERNAME, each="name"),
        "uuid": text,
        "account_id": text,
        "email": checked(accounts.email_key),
        "display_name": checked(accounts.display_name),
        "nickname": text,
        "password": text,
        "password_hash": checked(_check_hash),
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
    """Write a document so that `read` returns it unchanged; keys in the documented order, without unset ones."""
    plain = {"onebucket": VERSION, "users": _plain(document.users), "teams": _plain(document.teams)}
    return dump.to_yaml(plain) if format == "yaml" else dump.to_json(plain)


def _plain(value: Any, *, none: str | None = "none") -> Any:
    """Convert a part of a document to plain dicts, lists and strings; `none` stands for `Level.NONE`."""
    match value:
        case Part():
            fields = ((key, getattr(value, key)) for key in value.__struct_fields__)
            return {key: _plain(item, none=None) for key, item in fields if item is not UNSET}
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case Level():
            return value.word if value else none
        case ProjectLevel():
            return value.word
        case AccountPrivilege() | ForkPolicy():
            return value.value
    return value
