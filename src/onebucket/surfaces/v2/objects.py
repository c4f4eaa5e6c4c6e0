"""Objects of API 2.0, with the type that each is called by; everything optional is left out unless it is known."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class Link(Struct, frozen=True):
    """An absolute address."""

    href: str


Links = dict[str, Link]


class WorkspaceUser(Struct, frozen=True, kw_only=True):
    """A person. `email` is there for administrators who ask for it with `fields=+values.user.email`.

    `has_2fa_enabled` is there for oneself, for site administrators, and likewise for administrators who ask for it.
    """

    type: Literal["user"] = "user"
    uuid: str
    account_id: str | UnsetType
    username: str
    nickname: str
    display_name: str
    account_status: str
    is_staff: bool
    has_2fa_enabled: bool | UnsetType = UNSET
    created_on: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    links: Links


class Workspace(Struct, frozen=True, kw_only=True):
    """An account: a team's or a person's."""

    type: Literal["workspace"] = "workspace"
    uuid: str
    slug: str
    name: str
    is_private: bool = True
    is_personal: bool
    is_privacy_enforced: bool = False
    forking_mode: str = "allow_forks"
    created_on: str
    updated_on: str
    links: Links


class WorkspaceBase(Struct, frozen=True, kw_only=True):
    """A workspace in short."""

    type: Literal["workspace_base"] = "workspace_base"
    uuid: str
    slug: str
    links: Links


class WorkspaceAccess(Struct, frozen=True, kw_only=True):
    """A workspace that the caller is in, and whether they administer it."""

    type: Literal["workspace_access"] = "workspace_access"
    administrator: bool
    workspace: WorkspaceBase


class WorkspaceMembership(Struct, frozen=True, kw_only=True):
    """A person in a workspace; `permission` is left out where only members are listed."""

    type: Literal["workspace_membership"] = "workspace_membership"
    permission: str | UnsetType = UNSET
    user: WorkspaceUser
    workspace: Workspace
    links: Links


class EmailAddress(Struct, frozen=True, kw_only=True):
    """An address of the caller."""

    type: Literal["email"] = "email"
    email: str
    is_primary: bool
    is_confirmed: bool
    links: Links


class AccountName(Struct, frozen=True, kw_only=True):
    """Which person or team owns something."""

    type: Literal["user", "team"]
    uuid: str
    username: str
    display_name: str
    links: Links


class WorkspaceName(Struct, frozen=True, kw_only=True):
    """Which workspace something belongs to."""

    type: Literal["workspace"] = "workspace"
    uuid: str
    slug: str
    name: str
    links: Links


class RepositoryName(Struct, frozen=True, kw_only=True):
    """Which repository a permission is on."""

    type: Literal["repository"] = "repository"
    uuid: str
    name: str
    full_name: str
    links: Links


class WorkspaceGroup(Struct, frozen=True, kw_only=True):
    """A group; `full_slug` is `workspace:slug`."""

    type: Literal["group"] = "group"
    name: str
    slug: str
    full_slug: str
    owner: AccountName
    workspace: WorkspaceName
    links: Links


class RepositoryGroupPermission(Struct, frozen=True, kw_only=True):
    """What a group may do on a repository. With `include=until`, when what is set there ends."""

    type: Literal["repository_group_permission"] = "repository_group_permission"
    permission: str
    group: WorkspaceGroup
    repository: RepositoryName
    links: Links
    until: str | UnsetType = UNSET


class RepositoryPermission(Struct, frozen=True, kw_only=True):
    """A person's level on a repository, through whatever: the strongest of all ways."""

    type: Literal["repository_permission"] = "repository_permission"
    permission: str
    user: WorkspaceUser
    repository: RepositoryName


class RepositoryUserPermission(Struct, frozen=True, kw_only=True):
    """What was given to a person directly on a repository. With `include=until`, when what is set there ends."""

    type: Literal["repository_user_permission"] = "repository_user_permission"
    permission: str
    user: WorkspaceUser
    repository: RepositoryName
    links: Links
    until: str | UnsetType = UNSET
