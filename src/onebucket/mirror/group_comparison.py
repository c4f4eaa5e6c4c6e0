"""Compares what groups may do here with what the groups of the same slugs were given at the host: pure.

A group there never gets more than everybody in it there has here: its members there are not changed, and may be others.
Who has more here is given that themselves.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level
from onebucket.mirror import comparison
from onebucket.mirror.comparison import Comparison, Levels, Place, There


@dataclass(frozen=True, slots=True)
class GroupsHere:
    """What groups may do here: on repositories, from whatever gives it, and on projects. `people` may do this."""

    on_repositories: Mapping[Place, Level]
    on_projects: Mapping[Place, Level]
    people: Mapping[Place, Level]


@dataclass(frozen=True, slots=True)
class GroupsThere:
    """What groups were given there, and the ids of their `members`, without those who are left alone.

    `projects` has the project of each mirrored repository; `whole` are those of which every repository is mirrored.
    """

    on_repositories: Mapping[Place, Level]
    on_projects: Mapping[Place, Level]
    members: Mapping[str, Collection[str]]
    projects: Mapping[str, str]
    whole: Collection[str]


@dataclass(slots=True)
class GroupComparison:
    """The differences of groups, and what groups have at the host once these are put right."""

    found: Comparison = field(default_factory=Comparison)
    on_repositories: Mapping[Place, Level] = field(default_factory=dict)
    on_projects: Mapping[Place, Level] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupsToCompare:
    """Names of groups by slug; `ours` are the places that the mirror has set, by kind."""

    names: Mapping[str, str]
    ours: Mapping[GrantKind, Collection[Place]]
    takes_over: bool


def compare(here: GroupsHere, there: GroupsThere, groups: GroupsToCompare) -> GroupComparison:
    """Compare what groups have: first on projects, then what they need on repositories beside these."""
    of_project: dict[str, list[str]] = defaultdict(list)
    for repository, project in there.projects.items():
        of_project[project].append(repository)
    whole = {project: repositories for project, repositories in of_project.items() if project in there.whole}
    projects = _compared(GrantKind.PROJECT_GROUP, here, there, groups, whole, lambda project: {})
    on_projects = _after(there.on_projects, projects)
    of_groups: dict[str, dict[str, Level]] = defaultdict(dict)
    for (project, group), level in on_projects.items():
        of_groups[project][group] = level
    repositories = _compared(
        GrantKind.GROUP,
        here,
        there,
        groups,
        {repository: [repository] for repository in there.projects},
        lambda repository: of_groups[there.projects[repository]],
    )
    return GroupComparison(projects.joined(repositories), _after(there.on_repositories, repositories), on_projects)


def _compared(
    kind: GrantKind,
    here: GroupsHere,
    there: GroupsThere,
    groups: GroupsToCompare,
    within: Mapping[str, list[str]],
    inherited: Callable[[str], Levels],
) -> Comparison:
    """Compare what was given on repositories or on projects; `within` are the repositories that each concerns."""
    sides = (here.on_projects, there.on_projects), (here.on_repositories, there.on_repositories)
    wanted, given = sides[0] if kind.is_on_project else sides[1]
    names = {slug: f"group {name}" for slug, name in groups.names.items()}
    found = comparison.compare(
        {
            (where, group): min(level, _most(here, there.members.get(group, ()), within[where]))
            for (where, group), level in wanted.items()
            if where in within and group in names
        },
        There({place: level for place, level in given.items() if place[1] in names}, inherited, names, ()),
        repositories=within,
        ours=groups.ours[kind],
        takes_over=groups.takes_over,
        names=names,
        kind=kind,
    )
    # What groups inherit, and those that are not there, is told by the people in them.
    found.inherited, found.strangers = [], []
    return found


def _after(given: Mapping[Place, Level], compared: Comparison) -> dict[Place, Level]:
    return {**given, **{difference.place: difference.target for difference in compared.differences}}


def _most(here: GroupsHere, members: Collection[str], repositories: Iterable[str]) -> Level:
    """Return the most that a group there may have without giving anybody in it more than they have here."""
    levels = (here.people.get((repository, member), Level.NONE) for repository in repositories for member in members)
    return min(levels, default=Level.ADMIN)
