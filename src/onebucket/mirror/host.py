"""What a mirror knows of its host: read once, and kept in step with what the mirror itself sets there."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from onebucket.domain.privileges import Level, parse_level
from onebucket.mirror.comparison import Place
from onebucket.remote.connector import Connector, RemoteGrants, RemotePerson, RemoteRepository


@dataclass(slots=True)
class HostState:
    """One reading of a workspace. `given` is what people were given on repositories themselves.

    `groups` are the ids of members by slug, `grants` what was given on each mirrored repository, `containers` on each
    container of one.
    """

    me: RemotePerson
    people: list[RemotePerson]
    groups: Mapping[str, Collection[str]]
    repositories: Mapping[str, RemoteRepository]
    grants: Mapping[str, RemoteGrants]
    containers: Mapping[str, RemoteGrants]
    given: dict[Place, Level] = field(default_factory=dict)
    _through: dict[str, dict[str, Level]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for slug, grants in self.grants.items():
            self.given.update({(slug, person.id): parse_level(level) for person, level in grants.people})
            through: dict[str, Level] = {}
            container = self.containers.get(self.repositories[slug].container, RemoteGrants())
            for group, level in (*grants.groups, *container.groups):
                for member in self.groups.get(group, ()):
                    through[member] = max(through.get(member, Level.NONE), parse_level(level))
            for person, level in container.people:
                through[person.id] = max(through.get(person.id, Level.NONE), parse_level(level))
            self._through[slug] = through

    def inherited(self, place: Place) -> Level:
        """Return what a person has on a repository through groups and its container."""
        return self._through[place[0]].get(place[1], Level.NONE)

    @property
    def everybody(self) -> list[RemotePerson]:
        """The members, and everybody else who was given something."""
        given = [person for grants in self.grants.values() for person, _ in grants.people]
        return [*self.people, *given]


async def read_host(connector: Connector, includes: Callable[[str], bool]) -> HostState:
    """Read the workspace, as far as its repositories are included. Raises RemoteError."""
    me, people, groups, repositories = await asyncio.gather(
        connector.me(), connector.list_people(), connector.list_groups(), connector.list_repositories()
    )
    mirrored = {each.slug: each for each in repositories if includes(each.slug)}
    containers = sorted({each.container for each in mirrored.values() if each.container})
    grants = await asyncio.gather(*map(connector.list_grants, mirrored))
    of_containers = await asyncio.gather(*map(connector.list_container_grants, containers))
    return HostState(
        me,
        list(people),
        groups,
        mirrored,
        dict(zip(mirrored, grants, strict=True)),
        dict(zip(containers, of_containers, strict=True)),
    )
