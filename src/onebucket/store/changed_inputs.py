"""Access inputs as they would be after changes that nobody has made yet, for previews."""

from collections.abc import Collection, Mapping

from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project, ProjectLevel
from onebucket.store.access_inputs import AccessInputs
from onebucket.store.access_rows import PrivilegeRow


def with_cells(inputs: AccessInputs, changed: Mapping[tuple[str, str], Level | None]) -> AccessInputs:
    """Change group privileges, keyed by the ids of repository and group; None removes one."""
    rows = {
        (repository, group): None if level is None else PrivilegeRow(repository, group, int(level), 0, None)
        for (repository, group), level in changed.items()
    }
    return _with_rows(inputs, rows, {})


def with_project_grants(
    inputs: AccessInputs,
    project: Project,
    groups: Mapping[str, ProjectLevel],
    people: Mapping[str, ProjectLevel],
) -> AccessInputs:
    """Change what groups and people have on a project, keyed by their ids; `NONE` takes it away."""

    def rows(levels: Mapping[str, ProjectLevel]) -> dict[tuple[str, str], PrivilegeRow | None]:
        return {
            (project.id, holder): PrivilegeRow(project.id, holder, int(level), 0, None, project.key) if level else None
            for holder, level in levels.items()
        }

    return _with_rows(inputs, rows(groups), rows(people))


def with_permissions(
    inputs: AccessInputs,
    repository_id: str,
    groups: Mapping[str, Level | None],
    people: Mapping[str, Level | None],
) -> AccessInputs:
    """Change what groups and people have on a repository, keyed by their ids; None for nothing that is set."""

    def rows(levels: Mapping[str, Level | None]) -> dict[tuple[str, str], PrivilegeRow | None]:
        return {
            (repository_id, holder): None if level is None else PrivilegeRow(repository_id, holder, int(level), 0, None)
            for holder, level in levels.items()
        }

    return _with_rows(inputs, rows(groups), rows(people))


def without_direct(inputs: AccessInputs, repository_id: str, person_id: str) -> AccessInputs:
    """Take away what a person was given themselves on a repository."""
    return _with_rows(inputs, {}, {(repository_id, person_id): None})


def without_access(
    inputs: AccessInputs, memberships: Collection[tuple[str, str]], direct: Collection[tuple[str, str]]
) -> AccessInputs:
    """Take away memberships, given as the ids of a group and a person, and what people were given in places."""
    left = {
        person: [row for row in rows if (row.group_id, person) not in memberships]
        for person, rows in inputs.memberships.items()
    }
    kept = {key: row for key, row in inputs.direct.items() if key not in direct}
    return AccessInputs(inputs.owner, left, inputs.set_there, kept)


def _with_rows(
    inputs: AccessInputs,
    for_groups: Mapping[tuple[str, str], PrivilegeRow | None],
    for_people: Mapping[tuple[str, str], PrivilegeRow | None],
) -> AccessInputs:
    set_there = {place: dict(groups) for place, groups in inputs.set_there.items()}
    for (place, group), row in for_groups.items():
        by_group = set_there.setdefault(place, {})
        by_group.pop(group, None)
        if row is not None:
            by_group[group] = row
    direct = {key: row for key, row in {**inputs.direct, **for_people}.items() if row is not None}
    return AccessInputs(inputs.owner, inputs.memberships, set_there, direct)
