"""The differences of a mirror as a matrix of people and repositories, in which equal rows and equal columns are one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onebucket.domain.mirrors import Drift, DriftKind
from onebucket.domain.privileges import Level


@dataclass(frozen=True, slots=True)
class DriftCell:
    """What differs: `there` is the level at the host, `here` the one that is decided here."""

    kind: DriftKind
    there: Level
    here: Level
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class DriftMatrix:
    """People × repositories, both in groups of equal ones; `cells` are by the places of a row and a column.

    Only who and what differs is in it.
    """

    people: list[tuple[str, ...]]
    repositories: list[tuple[str, ...]]
    cells: Mapping[tuple[int, int], DriftCell]


def matrix(drift: Iterable[Drift]) -> DriftMatrix:
    """Put differences into a matrix, people and repositories in alphabetical order.

    People with the same differences on the same repositories share a row; then, repositories with the same differences
    for the same rows share a column. So a group of 40 people that has lost a project of 12 repositories is one cell.
    """
    by_person: dict[str, dict[str, DriftCell]] = {}
    names: dict[str, str] = {}
    for each in drift:
        names[each.person_id] = each.name
        cell = DriftCell(each.kind, each.there, each.here, bool(each.refused))
        by_person.setdefault(each.person_id, {})[each.repository] = cell

    rows: dict[frozenset[tuple[str, DriftCell]], list[str]] = {}
    for person in sorted(by_person, key=lambda id: (names[id].lower(), id)):
        rows.setdefault(frozenset(by_person[person].items()), []).append(names[person])
    by_repository: dict[str, dict[int, DriftCell]] = {}
    for number, row in enumerate(rows):
        for repository, cell in row:
            by_repository.setdefault(repository, {})[number] = cell
    columns: dict[frozenset[tuple[int, DriftCell]], list[str]] = {}
    for repository in sorted(by_repository):
        columns.setdefault(frozenset(by_repository[repository].items()), []).append(repository)
    cells = {(row, number): cell for number, column in enumerate(columns) for row, cell in column}
    return DriftMatrix([*map(tuple, rows.values())], [*map(tuple, columns.values())], cells)
