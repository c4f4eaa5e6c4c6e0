"""Bitbucket Cloud as a mirror sees it: the connector to a workspace over API 2.0."""

from collections.abc import Collection, Mapping, Sequence

from onebucket.remote.bitbucket_api import BitbucketApi
from onebucket.remote.bitbucket_objects import OWNER, Permissions, Person
from onebucket.remote.connector import RemoteGrants, RemotePerson, RemotePlace, RemoteRepository
from onebucket.remote.errors import NotPermitted, NotThere, Rejected, UnexpectedResponse
from onebucket.remote.json_client import JsonClient

_LEVELS = {"read": "read", "write": "write", "admin": "admin", "create-repo": "write"}


class BitbucketCloud:
    """The connector to one workspace; implements `connector.Connector`. People without an account id are left out."""

    def __init__(self, client: JsonClient, workspace: str) -> None:
        self._client = client
        self._api = BitbucketApi(client.get, workspace)

    async def me(self) -> RemotePerson:
        """Return whose credential it is."""
        return _person(await self._api.caller())

    async def list_people(self) -> Sequence[RemotePerson]:
        """List the members of the workspace."""
        members, roles = await self._api.members(), await self._api.roles()
        owners = {each.user.uuid for each in roles if each.permission == OWNER}
        return [_person(each.user, is_owner=each.user.uuid in owners) for each in members if each.user.account_id]

    async def list_groups(self) -> Mapping[str, Collection[str]]:
        """Return the account ids of the members of each group. Only API 1.0 tells them."""
        return {group.slug: {_person(each).id for each in group.members} for group in await self._api.groups()}

    async def list_repositories(self) -> Sequence[RemoteRepository]:
        """List the workspace's repositories; their containers are projects."""
        return [
            RemoteRepository(each.slug, each.project.key if each.project else "")
            for each in await self._api.repositories()
        ]

    async def list_grants(self, repository: str) -> RemoteGrants:
        """List what was given on a repository."""
        return _grants(await self._api.on_repository(repository))

    async def list_container_grants(self, container: str) -> RemoteGrants:
        """List what was given on a project; `create-repo` is write on its repositories."""
        return _grants(await self._api.on_project(container))

    async def invite(self, email: str, group: str) -> None:
        """Invite an address to a group. Only API 1.0 can, whose changes Bitbucket freezes workspace by workspace."""
        try:
            await self._client.request(
                "PUT", self._api.invitations_to_groups, json={"email": email, "group_slug": group}
            )
        except (NotThere, NotPermitted, Rejected) as error:
            error.args = (f"only API 1.0 invites people, and it may be frozen for this workspace; {error}",)
            raise

    async def set(self, place: RemotePlace, level: str) -> None:
        """Give a level."""
        await self._client.request("PUT", self._address(place), json={"permission": level})

    async def unset(self, place: RemotePlace) -> None:
        """Take away what was given."""
        try:
            await self._client.request("DELETE", self._address(place))
        except NotThere:
            return

    def _address(self, place: RemotePlace) -> str:
        permissions = self._api.of_groups if place.is_of_group else self._api.of_users
        return permissions(place.where, place.holder_id, on_project=place.is_on_container)


def _grants(permissions: Permissions) -> RemoteGrants:
    return RemoteGrants(
        tuple(
            (_person(each.user), _level(each.permission))
            for each in permissions.users
            if each.user.account_id and each.permission != "none"
        ),
        tuple((each.group.slug, _level(each.permission)) for each in permissions.groups if each.permission != "none"),
    )


def _level(permission: str) -> str:
    if permission not in _LEVELS:
        raise UnexpectedResponse(f"Bitbucket has the permission {permission!r}, which isn't known here")
    return _LEVELS[permission]


def _person(person: Person, *, is_owner: bool = False) -> RemotePerson:
    name = person.nickname or person.display_name or person.uuid
    return RemotePerson((person.account_id or "").lower(), name, person.email, is_owner)
