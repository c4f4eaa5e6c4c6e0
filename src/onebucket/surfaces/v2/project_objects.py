"""Objects of projects and repositories in API 2.0."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from onebucket.surfaces.v2.objects import AccountName, Link, Links, WorkspaceGroup, WorkspaceName, WorkspaceUser


class ProjectName(Struct, frozen=True, kw_only=True):
    """Which project something belongs to."""

    type: Literal["project"] = "project"
    uuid: str
    key: str
    name: str
    links: Links


class ProjectObject(Struct, frozen=True, kw_only=True):
    """A project; `owner` and `workspace` are the same account."""

    type: Literal["project"] = "project"
    uuid: str
    key: str
    name: str
    description: str
    is_private: bool
    has_publicly_visible_repos: bool
    owner: AccountName
    workspace: WorkspaceName
    created_on: str
    updated_on: str
    links: Links


class ProjectGroupPermission(Struct, frozen=True, kw_only=True):
    """What a group has on a project. With `include=until`, when that ends."""

    type: Literal["project_group_permission"] = "project_group_permission"
    permission: str
    group: WorkspaceGroup
    project: ProjectName
    links: Links
    until: str | UnsetType = UNSET


class ProjectUserPermission(Struct, frozen=True, kw_only=True):
    """What was given to a person directly on a project. With `include=until`, when that ends."""

    type: Literal["project_user_permission"] = "project_user_permission"
    permission: str
    user: WorkspaceUser
    project: ProjectName
    links: Links
    until: str | UnsetType = UNSET


class CloneLink(Struct, frozen=True):
    """An address to clone from; `name` is https or ssh."""

    name: str
    href: str


class RepositoryLinks(Struct, frozen=True, kw_only=True):
    """The addresses of a repository."""

    self: Link
    html: Link
    avatar: Link
    clone: list[CloneLink]


class MainBranch(Struct, frozen=True, kw_only=True):
    """The branch that is shown first."""

    type: Literal["branch"] = "branch"
    name: str


class RepositoryObject(Struct, frozen=True, kw_only=True):
    """A repository: what clients read and set. No content is stored here."""

    type: Literal["repository"] = "repository"
    uuid: str
    full_name: str
    name: str
    slug: str
    scm: Literal["git"] = "git"
    is_private: bool
    description: str
    fork_policy: str
    language: str
    has_issues: bool
    has_wiki: bool
    size: int = 0
    mainbranch: MainBranch
    project: ProjectName
    owner: AccountName
    workspace: WorkspaceName
    created_on: str
    updated_on: str
    links: RepositoryLinks
