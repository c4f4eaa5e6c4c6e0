"""What a mirror needs of a code host: the interface that each host's module implements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RemotePerson:
    """A person at the host; `id` is what the host's API names them by, `email` is None where it isn't told."""

    id: str
    name: str
    email: str | None = None
    is_owner: bool = False


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """A repository at the host; `container` is what else gives access to it, such as a project, or empty."""

    slug: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class RemoteGrants:
    """What was given on a repository or its container: levels of people, and of groups by slug."""

    people: tuple[tuple[RemotePerson, str], ...] = ()
    groups: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """What a level is set on, and for whom: a person's id, or a group's slug; `where` is a container's key in one."""

    where: str
    holder_id: str
    is_of_group: bool = False
    is_on_container: bool = False


class Connector(Protocol):
    """A workspace at a code host, with one credential. Levels are read, write or admin. Methods raise RemoteError."""

    async def me(self) -> RemotePerson:
        """Return whose credential it is."""

    async def list_people(self) -> Sequence[RemotePerson]:
        """List the members of the workspace; `is_owner` for those who administer it."""

    async def list_groups(self) -> Mapping[str, Collection[str]]:
        """Return the ids of the members of each group, by its slug."""

    async def list_repositories(self) -> Sequence[RemoteRepository]:
        """List the repositories."""

    async def list_grants(self, repository: str) -> RemoteGrants:
        """List what was given on a repository."""

    async def list_container_grants(self, container: str) -> RemoteGrants:
        """List what was given on a container, as levels on the repositories in it."""

    async def invite(self, email: str, group: str) -> None:
        """Invite an address to a group. Doing it twice sends a second letter, and does no other harm."""

    async def set(self, place: RemotePlace, level: str) -> None:
        """Give a level, in place of the one that was given there. Doing it twice does no harm."""

    async def unset(self, place: RemotePlace) -> None:
        """Take away what was given; nothing happens if that is nothing."""
