"""The addresses of Bitbucket Cloud's APIs 2.0 and 1.0 for one workspace, with the objects that they answer."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from onebucket.remote.bitbucket_objects import (
    Group,
    GroupInvitation,
    GroupPermission,
    GroupPrivilege,
    Membership,
    Permissions,
    Person,
    Project,
    Repository,
    RepositoryInvitation,
    UserPermission,
    Workspace,
    convert,
    convert_all,
)
from onebucket.remote.errors import UnexpectedResponse
from onebucket.remote.paged_list import read_pages

T = TypeVar("T")


class BitbucketApi:
    """One workspace; `get` returns the decoded response of an address. Methods that read raise RemoteError."""

    def __init__(self, get: Callable[[str], Awaitable[Any]], workspace: str) -> None:
        self._get = get
        self._slug = _quoted(workspace)
        self._workspace = f"/2.0/workspaces/{self._slug}"
        self.invitations_to_groups = f"/1.0/users/{self._slug}/invitations"

    async def caller(self) -> Person:
        """Read whose credential it is."""
        return convert(await self._get("/2.0/user"), Person, what="the caller")

    async def workspace(self) -> Workspace:
        """Read the workspace itself."""
        return convert(await self._get(self._workspace), Workspace, what="the workspace")

    async def members(self) -> list[Membership]:
        """List the members; their addresses come with it for administrators, their roles do not."""
        return await self._pages(f"{self._workspace}/members?fields=%2Bvalues.user.email", Membership, "a member")

    async def roles(self) -> list[Membership]:
        """List the members with their roles, such as owner."""
        return await self._pages(f"{self._workspace}/permissions", Membership, "a role of a member")

    async def projects(self) -> list[Project]:
        """List the projects."""
        return await self._pages(f"{self._workspace}/projects", Project, "a project")

    async def repositories(self) -> list[Repository]:
        """List the repositories."""
        return await self._pages(f"/2.0/repositories/{self._slug}", Repository, "a repository")

    async def on_repository(self, repository: str) -> Permissions:
        """Read what groups and people were given on a repository."""
        return await self._permissions(self._config(repository, on_project=False))

    async def on_project(self, key: str) -> Permissions:
        """Read what groups and people were given on a project."""
        return await self._permissions(self._config(key, on_project=True))

    # What follows is only in API 1.0. Bitbucket freezes its changes first, and these lists may go one day.

    async def groups(self) -> list[Group]:
        """List the groups with their members."""
        return await self._list(f"/1.0/groups/{self._slug}", Group)

    async def group_privileges(self, repository: str) -> list[GroupPrivilege]:
        """List what groups have on a repository."""
        return await self._list(f"/1.0/group-privileges/{self._slug}/{_quoted(repository)}", GroupPrivilege)

    async def group_invitations(self) -> list[GroupInvitation]:
        """List the invitations to groups."""
        return await self._list(self.invitations_to_groups, GroupInvitation)

    async def repository_invitations(self, repository: str) -> list[RepositoryInvitation]:
        """List the invitations to a repository."""
        return await self._list(f"/1.0/invitations/{self._slug}/{_quoted(repository)}", RepositoryInvitation)

    def of_users(self, where: str, person_id: str, *, on_project: bool) -> str:
        """Return the address of what a person was given, on a repository by its slug or on a project by its key."""
        return f"{self._config(where, on_project=on_project)}/users/{_quoted(person_id)}"

    def of_groups(self, where: str, slug: str, *, on_project: bool) -> str:
        """Return the address of what a group was given."""
        return f"{self._config(where, on_project=on_project)}/groups/{_quoted(slug)}"

    def _config(self, where: str, *, on_project: bool) -> str:
        place = f"{self._workspace}/projects/" if on_project else f"/2.0/repositories/{self._slug}/"
        return f"{place}{_quoted(where)}/permissions-config"

    async def _permissions(self, config: str) -> Permissions:
        return Permissions(
            await self._pages(f"{config}/groups", GroupPermission, "a permission of a group"),
            await self._pages(f"{config}/users", UserPermission, "a permission of a person"),
        )

    async def _pages(self, address: str, kind: type[T], what: str) -> list[T]:
        return convert_all(await read_pages(self._get, address), kind, what=what)

    async def _list(self, address: str, kind: type[T]) -> list[T]:
        """Read a list of API 1.0, which has no pages."""
        document = await self._get(address)
        if not isinstance(document, list):
            raise UnexpectedResponse(f"{address} answers no list")
        return convert_all(document, kind, what=f"an entry of {address}")


def _quoted(name: str) -> str:
    return quote(name, safe="")
