"""Compares what groups may do here with what the groups of the same slugs were given at the host: pure.

A group there is never given more than everybody in it there has here: its members there are not changed, and may be
others. Who has more here is given that themselves. Where that would be too many permissions, the group keeps what it
has, and those who have less here are named.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level
from onebucket.mirror import comparison
from onebucket.mirror.comparison import Comparison, Levels, Place, There, UnsplitGroup


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
    """Names of groups by slug; `ours` are the places that the mirror has set, by kind.

    A group is split into at most `max_split` permissions of its people, whose names by id are `people`.
    """

    names: Mapping[str, str]
    ours: Mapping[GrantKind, Collection[Place]]
    takes_over: bool
    people: Mapping[str, str]
    max_split: int


def compare(here: GroupsHere, there: GroupsThere, groups: GroupsToCompare) -> GroupComparison:
    """Compare what groups have: first on projects, then what they need on repositories beside these."""
    of_project: dict[str, list[str]] = defaultdict(list)
    for repository, project in there.projects.items():
        of_project[project].append(repository)
    whole = {project: repositories for project, repositories in of_project.items() if project in there.whole}
    single = {repository: [repository] for repository in there.projects}
    most_on_projects, most_on_repositories = _most(here, there, whole), _most(here, there, single)
    splits = [
        *_splits(here.on_projects, there.on_projects, here, there, whole, most_on_projects),
        *_splits(here.on_repositories, there.on_repositories, here, there, single, most_on_repositories),
    ]
    unsplit = list(_too_large(splits, groups))
    kept = {each.slug for each in unsplit}
    projects = _compared(
        GrantKind.PROJECT_GROUP, here, there, groups, whole, lambda project: {}, most_on_projects, kept
    )
    on_projects = _after(there.on_projects, projects)
    of_groups: dict[str, dict[str, Level]] = defaultdict(dict)
    for (project, group), level in on_projects.items():
        of_groups[project][group] = level
    repositories = _compared(
        GrantKind.GROUP,
        here,
        there,
        groups,
        single,
        lambda repository: of_groups[there.projects[repository]],
        most_on_repositories,
        kept,
    )
    repositories.unsplit = unsplit
    return GroupComparison(projects.joined(repositories), _after(there.on_repositories, repositories), on_projects)


def _compared(
    kind: GrantKind,
    here: GroupsHere,
    there: GroupsThere,
    groups: GroupsToCompare,
    within: Mapping[str, list[str]],
    inherited: Callable[[str], Levels],
    most: Callable[[str, str], Level],
    kept: Collection[str],
) -> Comparison:
    """Compare what was given on repositories or on projects; `within` are the repositories that each concerns.

    The groups that are `kept` lose nothing because of their members.
    """
    sides = (here.on_projects, there.on_projects), (here.on_repositories, there.on_repositories)
    wanted, given = sides[0] if kind.is_on_project else sides[1]
    names = {slug: f"group {name}" for slug, name in groups.names.items()}
    found = comparison.compare(
        {
            (where, group): max(
                min(level, most(where, group)),
                min(level, given.get((where, group), Level.NONE)) if group in kept else Level.NONE,
            )
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


@dataclass(frozen=True, slots=True)
class _Split:
    """A group that would lose what it has somewhere because of `less`; others would need `permissions` of their own."""

    slug: str
    permissions: int
    less: Collection[str]


def _splits(
    wanted: Mapping[Place, Level],
    given: Mapping[Place, Level],
    here: GroupsHere,
    there: GroupsThere,
    within: Mapping[str, list[str]],
    most: Callable[[str, str], Level],
) -> Iterator[_Split]:
    """Yield what groups would lose because of their members, on repositories or on projects."""
    for (where, group), level in given.items():
        stays = min(level, wanted.get((where, group), Level.NONE))
        if where not in within or (left := most(where, group)) >= stays:
            continue
        permissions, less = 0, set()
        for repository in within[where]:
            for member in there.members[group]:
                level_here = here.people.get((repository, member), Level.NONE)
                permissions += level_here > left
                if level_here < stays:
                    less.add(member)
        yield _Split(group, permissions, less)


def _too_large(splits: Iterable[_Split], groups: GroupsToCompare) -> Iterator[UnsplitGroup]:
    """Yield the groups that would be split into more permissions than `max_split` allows, by name."""
    of_groups: dict[str, list[_Split]] = defaultdict(list)
    for split in splits:
        of_groups[split.slug].append(split)
    for slug, found in sorted(of_groups.items(), key=lambda each: groups.names.get(each[0], "")):
        permissions = sum(each.permissions for each in found)
        if slug in groups.names and permissions > groups.max_split:
            less = {person for each in found for person in each.less}
            names = sorted(groups.people.get(person, person) for person in less)
            yield UnsplitGroup(slug, groups.names[slug], permissions, tuple(names))


def _after(given: Mapping[Place, Level], compared: Comparison) -> dict[Place, Level]:
    return {**given, **{difference.place: difference.target for difference in compared.differences}}


def _most(here: GroupsHere, there: GroupsThere, within: Mapping[str, list[str]]) -> Callable[[str, str], Level]:
    """Return what gives the most that a group may have somewhere without giving anybody in it more than here."""

    @cache
    def most(where: str, group: str) -> Level:
        places = ((repository, member) for repository in within[where] for member in there.members.get(group, ()))
        return min((here.people.get(place, Level.NONE) for place in places), default=Level.ADMIN)

    return most
