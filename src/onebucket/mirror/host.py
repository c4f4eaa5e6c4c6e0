"""What a mirror knows of its host: read once, and kept in step with what the mirror itself sets there."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level, parse_level
from onebucket.mirror.comparison import Difference, Levels, Place
from onebucket.remote.connector import Connector, RemoteGrants, RemotePerson
from onebucket.remote.errors import NotPermitted, NotThere


@dataclass(slots=True)
class HostState:
    """One reading of a workspace. `given` is what people and groups were given themselves, by kind.

    `groups` are the ids of members by slug, `projects` the container of each mirrored repository, `whole` the
    containers of which every repository is mirrored. `everybody` are the members and whoever else was given something.
    """

    me: RemotePerson
    people: list[RemotePerson]
    everybody: list[RemotePerson]
    groups: Mapping[str, Collection[str]]
    projects: Mapping[str, str]
    whole: Collection[str]
    given: Mapping[GrantKind, dict[Place, Level]]
    of_people_on_projects: Mapping[Place, Level] = field(default_factory=dict)

    def carried(self, difference: Difference) -> None:
        """Take note that a difference was put right there."""
        if difference.target:
            self.given[difference.kind][difference.place] = difference.target
        else:
            self.given[difference.kind].pop(difference.place, None)

    def inherited(
        self, on_repositories: Mapping[Place, Level], on_projects: Mapping[Place, Level]
    ) -> Callable[[str], Levels]:
        """Return what people have on a repository through containers, and through groups that have this."""
        in_projects, through = self._through_groups(on_projects), self._through_groups(on_repositories)
        for (project, person), level in self.of_people_on_projects.items():
            in_projects[project][person] = max(in_projects[project].get(person, Level.NONE), level)

        def levels_on(repository: str) -> Levels:
            in_project, on_it = in_projects[self.projects[repository]], through[repository]
            if not in_project or not on_it:
                return in_project or on_it
            return on_it | {person: level for person, level in in_project.items() if level > on_it.get(person, -1)}

        return levels_on

    def _through_groups(self, given: Mapping[Place, Level]) -> dict[str, dict[str, Level]]:
        """Return what members of groups have where these were given something; the highest level counts."""
        levels: dict[str, dict[str, Level]] = defaultdict(dict)
        for (where, group), level in sorted(given.items(), key=lambda each: each[1]):
            levels[where].update(dict.fromkeys(self.groups.get(group, ()), level))
        return levels


async def read_host(connector: Connector, includes: Callable[[str], bool]) -> HostState:
    """Read the workspace, as far as its repositories are included. Raises RemoteError."""
    me, people, groups, repositories = await asyncio.gather(
        connector.me(), connector.list_people(), connector.list_groups(), connector.list_repositories()
    )
    if me.id not in {each.id for each in people if each.is_owner}:
        # Lists have only what such a person sees: nothing would differ, and nothing would be carried.
        raise NotPermitted(f"the credential is {me.name}'s, who doesn't administer the workspace")
    projects = {each.slug: each.container for each in repositories if includes(each.slug)}
    on_repositories = await _grants(connector, projects)
    repositories = [each for each in repositories if each.slug not in projects or each.slug in on_repositories]
    projects = {slug: projects[slug] for slug in on_repositories}
    containers = sorted({each for each in projects.values() if each})
    on_containers = dict(
        zip(containers, await asyncio.gather(*map(connector.list_container_grants, containers)), strict=True)
    )
    given_people = [person for grants in on_repositories.values() for person, _ in grants.people]
    everybody = {each.id: each for each in (*given_people, *people)}
    return HostState(
        me,
        list(people),
        list(everybody.values()),
        groups,
        projects,
        {*containers} - {each.container for each in repositories if each.slug not in projects},
        {
            GrantKind.PERSON: _of_people(on_repositories),
            GrantKind.GROUP: _of_groups(on_repositories),
            GrantKind.PROJECT_GROUP: _of_groups(on_containers),
        },
        _of_people(on_containers),
    )


async def _grants(connector: Connector, repositories: Collection[str]) -> dict[str, RemoteGrants]:
    """Read what was given on repositories, without those that were deleted since they were listed."""
    read = await asyncio.gather(*map(connector.list_grants, repositories), return_exceptions=True)
    found = dict(zip(repositories, read, strict=True))
    if any(isinstance(each, NotThere) for each in read):
        listed = {each.slug for each in await connector.list_repositories()}
        found = {slug: each for slug, each in found.items() if not isinstance(each, NotThere) or slug in listed}
    grants: dict[str, RemoteGrants] = {}
    for slug, each in found.items():
        if isinstance(each, BaseException):
            raise each
        grants[slug] = each
    return grants


def _of_people(grants: Mapping[str, RemoteGrants]) -> dict[Place, Level]:
    return {(where, each.id): parse_level(level) for where, given in grants.items() for each, level in given.people}


def _of_groups(grants: Mapping[str, RemoteGrants]) -> dict[Place, Level]:
    return {(where, group): parse_level(level) for where, given in grants.items() for group, level in given.groups}
