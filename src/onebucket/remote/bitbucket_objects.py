"""The objects of Bitbucket Cloud's APIs, as far as we read them; unknown keys are ignored.

Sources: the published schema of API 2.0, and docs/contract/api-1.0.md for what 1.0 answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from onebucket.remote.errors import UnexpectedResponse

T = TypeVar("T")

# The permission of those who administer a workspace.
OWNER = "owner"


class Person(msgspec.Struct, frozen=True):
    """A person; 1.0 and 2.0 have these keys. `email` is there only for administrators who ask for it."""

    uuid: str
    display_name: str = ""
    nickname: str = ""
    account_id: str | None = None
    username: str = ""
    email: str | None = None


class Workspace(msgspec.Struct, frozen=True):
    """A workspace."""

    uuid: str
    slug: str
    name: str = ""
    is_personal: bool = False


class Membership(msgspec.Struct, frozen=True):
    """A person in a workspace; `permission` is owner, create-project, collaborator or member."""

    user: Person
    permission: str = "member"


class Project(msgspec.Struct, frozen=True):
    """A project."""

    key: str
    name: str = ""
    description: str | None = None
    is_private: bool = True


class Branch(msgspec.Struct, frozen=True):
    """A branch."""

    name: str


class Repository(msgspec.Struct, frozen=True):
    """A repository; `slug` is the end of `full_name`."""

    full_name: str
    name: str = ""
    is_private: bool = True
    description: str | None = None
    language: str | None = None
    fork_policy: str | None = None
    has_issues: bool = False
    has_wiki: bool = False
    mainbranch: Branch | None = None
    project: Project | None = None

    @property
    def slug(self) -> str:
        """The name in addresses, unique in the workspace."""
        return self.full_name.rpartition("/")[2]


class GroupName(msgspec.Struct, frozen=True):
    """A group in a permission."""

    slug: str
    name: str = ""


class GroupPermission(msgspec.Struct, frozen=True):
    """What a group has on a repository or project: none, read, write, create-repo or admin."""

    permission: str
    group: GroupName


class UserPermission(msgspec.Struct, frozen=True):
    """What a person was given on a repository or project."""

    permission: str
    user: Person


class Group(msgspec.Struct, frozen=True):
    """A group of API 1.0, with its members."""

    name: str
    slug: str
    permission: str | None = None
    auto_add: bool = False
    email_forwarding_disabled: bool = False
    members: list[Person] = []


class GroupPrivilege(msgspec.Struct, frozen=True):
    """What a group has on a repository, in API 1.0."""

    privilege: str
    group: GroupName


class GroupInvitation(msgspec.Struct, frozen=True):
    """An address that is invited to groups, each as `workspace/slug`."""

    email: str
    groups: list[str]
    invited_by: Person | None = None


class InvitedRepository(msgspec.Struct, frozen=True):
    """The repository of an invitation."""

    slug: str


class RepositoryInvitation(msgspec.Struct, frozen=True):
    """An address that is invited to a repository."""

    email: str
    permission: str
    repository: InvitedRepository
    invited_by: Person | None = None


@dataclass(slots=True)
class Permissions:
    """What groups and people were given on one repository or project."""

    groups: list[GroupPermission] = field(default_factory=list)
    users: list[UserPermission] = field(default_factory=list)


@dataclass(slots=True)
class WorkspaceContents:
    """A whole workspace as read; `unread` says in sentences what could not be.

    Lists of API 1.0 are None when they couldn't be read. Permissions are by repository slug and by project key; those
    that couldn't be read are missing. `privileges` is what 1.0 tells instead, of groups alone.
    """

    workspace: Workspace
    members: list[Membership] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)
    repository_permissions: dict[str, Permissions] = field(default_factory=dict)
    project_permissions: dict[str, Permissions] = field(default_factory=dict)
    groups: list[Group] | None = None
    privileges: dict[str, list[GroupPrivilege]] = field(default_factory=dict)
    group_invitations: list[GroupInvitation] | None = None
    repository_invitations: list[RepositoryInvitation] | None = None
    unread: list[str] = field(default_factory=list)


def convert(document: Any, kind: type[T], *, what: str) -> T:
    """Turn decoded JSON into an object. Raises UnexpectedResponse."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UnexpectedResponse(f"{what} is not what Bitbucket's API answers: {error}") from None


def convert_all(documents: Sequence[Any], kind: type[T], *, what: str) -> list[T]:
    """Turn a list of decoded JSON into objects. Raises UnexpectedResponse."""
    return [convert(document, kind, what=what) for document in documents]
