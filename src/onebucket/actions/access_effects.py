"""Who would gain and who would lose which access by a change: levels by the access inputs before and after it."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store.access_inputs import AccessInputs


class AccessChange(NamedTuple):
    """A person whose level on some repositories would change from `before` to `after`."""

    person: Account
    repositories: list[Repository]
    before: Level
    after: Level


def compare(
    people: Sequence[Account],
    repositories: Sequence[Repository],
    now: AccessInputs,
    then: AccessInputs,
    *,
    moved: Callable[[Repository], Repository] = lambda repository: repository,
) -> list[AccessChange]:
    """Return the changes of these people's levels on these repositories; `moved` is what a repository becomes.

    Computes a level once for people, and for repositories, whose access inputs are equal before and after.
    """
    after_move = {repository.id: moved(repository) for repository in repositories}
    kind_now, kind_then = now.kinds(), then.kinds()
    alike_now = now.group_equivalent_repositories(repositories)
    alike_then = then.group_equivalent_repositories([*after_move.values()])
    people_alike: dict[object, list[Account]] = {}
    for person in people:
        people_alike.setdefault((kind_now(person), kind_then(person)), []).append(person)

    effects = []
    for equivalent in people_alike.values():
        person = equivalent[0]
        differing: dict[tuple[Level, Level], list[Repository]] = {}
        for some in _refined(alike_now(person), alike_then(person)):
            levels = now.level(person, some[0]), then.level(person, after_move[some[0].id])
            if levels[0] is not levels[1]:
                differing.setdefault(levels, []).extend(some)
        for affected in differing.values():
            affected.sort(key=lambda repository: repository.slug)
        effects += [
            AccessChange(each, affected, *levels) for levels, affected in differing.items() for each in equivalent
        ]
    return effects


def _refined(
    parts: Sequence[Sequence[Repository]], others: Sequence[Sequence[Repository]]
) -> Iterable[Sequence[Repository]]:
    """Split parts so that repositories that are in different `others` (by id) are in different parts."""
    if len(others) == 1:
        return parts
    place = {repository.id: index for index, part in enumerate(others) for repository in part}
    refined: dict[tuple[int, int], list[Repository]] = {}
    for index, part in enumerate(parts):
        for repository in part:
            refined.setdefault((index, place[repository.id]), []).append(repository)
    return refined.values()
