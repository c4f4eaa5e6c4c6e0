"""Bitbucket Cloud as a mirror sees it: the connector to a workspace over API 2.0."""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote

from onebucket.remote.bitbucket_objects import (
    Group,
    GroupPermission,
    Membership,
    Person,
    Repository,
    UserPermission,
    convert,
    convert_all,
)
from onebucket.remote.connector import RemoteGrants, RemotePerson, RemoteRepository
from onebucket.remote.errors import NotThere, UnexpectedResponse
from onebucket.remote.json_client import JsonClient
from onebucket.remote.paged_list import read_pages

_OWNER = "owner"
_LEVELS = {"read": "read", "write": "write", "admin": "admin", "create-repo": "write"}


class BitbucketCloud:
    """The connector to one workspace; implements `connector.Connector`. People without an account id are left out."""

    def __init__(self, client: JsonClient, workspace: str) -> None:
        self._client = client
        self._workspace = quote(workspace, safe="")

    async def me(self) -> RemotePerson:
        """Return whose credential it is."""
        return _person(convert(await self._client.get("/2.0/user"), Person, what="the caller"))

    async def list_people(self) -> Sequence[RemotePerson]:
        """List the members of the workspace."""
        base = f"/2.0/workspaces/{self._workspace}"
        members = await read_pages(self._client.get, f"{base}/members?fields=%2Bvalues.user.email")
        roles = await read_pages(self._client.get, f"{base}/permissions")
        owners = {
            each.user.uuid
            for each in convert_all(roles, Membership, what="a role of a member")
            if each.permission == _OWNER
        }
        return [
            _person(each.user, is_owner=each.user.uuid in owners)
            for each in convert_all(members, Membership, what="a member")
            if each.user.account_id
        ]

    async def list_groups(self) -> Mapping[str, Collection[str]]:
        """Return the account ids of the members of each group. Only API 1.0 tells them."""
        found = await self._client.get(f"/1.0/groups/{self._workspace}")
        if not isinstance(found, list):
            raise UnexpectedResponse("the list of groups is no list")
        return {
            group.slug: {_person(member).id for member in group.members}
            for group in convert_all(found, Group, what="a group")
        }

    async def list_repositories(self) -> Sequence[RemoteRepository]:
        """List the workspace's repositories; their containers are projects."""
        found = await read_pages(self._client.get, f"/2.0/repositories/{self._workspace}")
        return [
            RemoteRepository(each.slug, each.project.key if each.project else "")
            for each in convert_all(found, Repository, what="a repository")
        ]

    async def list_grants(self, repository: str) -> RemoteGrants:
        """List what was given on a repository."""
        return await self._grants(self._permissions(repository))

    async def list_container_grants(self, container: str) -> RemoteGrants:
        """List what was given on a project; `create-repo` is write on its repositories."""
        base = f"/2.0/workspaces/{self._workspace}/projects/{quote(container, safe='')}/permissions-config"
        return await self._grants(base)

    async def _grants(self, base: str) -> RemoteGrants:
        users = await read_pages(self._client.get, f"{base}/users")
        groups = await read_pages(self._client.get, f"{base}/groups")
        return RemoteGrants(
            tuple(
                (_person(each.user), _level(each.permission))
                for each in convert_all(users, UserPermission, what="a permission of a person")
                if each.user.account_id and each.permission != "none"
            ),
            tuple(
                (each.group.slug, _level(each.permission))
                for each in convert_all(groups, GroupPermission, what="a permission of a group")
                if each.permission != "none"
            ),
        )

    async def set(self, repository: str, person_id: str, level: str) -> None:
        """Give a person a level on a repository."""
        await self._client.request("PUT", self._user(repository, person_id), json={"permission": level})

    async def unset(self, repository: str, person_id: str) -> None:
        """Take away what a person was given on a repository."""
        try:
            await self._client.request("DELETE", self._user(repository, person_id))
        except NotThere:
            return

    def _permissions(self, repository: str) -> str:
        return f"/2.0/repositories/{self._workspace}/{quote(repository, safe='')}/permissions-config"

    def _user(self, repository: str, person_id: str) -> str:
        return f"{self._permissions(repository)}/users/{quote(person_id, safe='')}"


def _level(permission: str) -> str:
    if permission not in _LEVELS:
        raise UnexpectedResponse(f"Bitbucket has the permission {permission!r}, which isn't known here")
    return _LEVELS[permission]


def _person(person: Person, *, is_owner: bool = False) -> RemotePerson:
    name = person.nickname or person.display_name or person.uuid
    return RemotePerson((person.account_id or "").lower(), name, person.email, is_owner)
