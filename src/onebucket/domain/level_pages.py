"""Pages of the list of everybody's level on every repository of an account: filtered, sorted and counted.

Only what is on the page is looked at by itself. Without another order the list is by repository, then by person.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_, attrgetter, or_
from typing import NamedTuple

from onebucket.domain import filters
from onebucket.domain.accounts import Account
from onebucket.domain.filters import AllOf, Comparison, Filter, ListQuery, Order, Readers
from onebucket.domain.level_sets import LevelSet, LevelSets
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository

_LEVELS = [level for level in Level if level]

# The fields that the list can be filtered and sorted by: of the level, of the person, and of the repository.
LEVEL = "level"
PERSON_READERS: Readers = {
    "user.id": attrgetter("id"),
    "user.aaid": attrgetter("aaid"),
    "user.username": attrgetter("username"),
    "user.nickname": lambda person: person.nickname or person.username,
    "user.display_name": attrgetter("display_name"),
}


def repository_readers(owner: Account) -> Readers:
    """Return how to read the fields of a repository of this account."""
    return {
        "repository.id": attrgetter("id"),
        "repository.slug": attrgetter("slug"),
        "repository.name": attrgetter("name"),
        "repository.full_name": lambda repository: f"{owner.username}/{repository.slug}",
    }


class Permission(NamedTuple):
    """The level of a person on a repository."""

    repository: Repository
    person: Account
    level: Level


class LevelPages:
    """The list of the levels on some repositories, which are in the list's order."""

    def __init__(self, owner: Account, sets: LevelSets, repositories: Sequence[Repository]) -> None:
        self._sets = sets
        self._people = sets.people
        self._repositories = repositories
        self._readers = repository_readers(owner)
        # The people who match a comparison of fields of theirs.
        self._matching: dict[Comparison, int] = {}

    def page(self, query: ListQuery) -> tuple[list[Permission], int]:
        """Return the part of the list that a query wants, and how many pass its filter."""
        if query.order is not None and query.order.field in PERSON_READERS:
            return self._by_person(query, query.order)
        found: list[Permission] = []
        size = 0
        for repository, sets, people in self._segments(query):
            number = people.bit_count()
            first, last = max(query.offset - size, 0), query.offset + query.limit - size
            if first < min(last, number):
                found += self._permissions(repository, sets, self._people.in_set(people)[first:last])
            size += number
        return found, size

    def _segments(self, query: ListQuery) -> Iterator[tuple[Repository, LevelSet, int]]:
        """Yield repositories, each with its people who pass the filter, in the order of the list."""
        order, repositories = query.order, self._repositories
        if order is None or order.field != LEVEL:
            in_order = repositories if order is None else filters.ordered(repositories, order, self._readers)
            for repository in in_order:
                yield repository, *self._passing(repository, query.filter)
            return
        passing = [(repository, *self._passing(repository, query.filter)) for repository in repositories]
        for level in reversed(_LEVELS) if order.is_descending else _LEVELS:
            for repository, sets, people in passing:
                yield repository, sets, people & sets.exactly(level)

    def _by_person(self, query: ListQuery, order: Order) -> tuple[list[Permission], int]:
        passing = [(repository, *self._passing(repository, query.filter)) for repository in self._repositories]
        people = filters.ordered(self._people.all, order, PERSON_READERS)

        def before(number: int) -> int:
            """Count what the list has of the first people."""
            first = self._people.set_of(person.id for person in people[:number])
            return sum((passed & first).bit_count() for _, _, passed in passing)

        number = max(bisect_right(range(len(people) + 1), query.offset, key=before) - 1, 0)
        skipped, found = query.offset - before(number), list[Permission]()
        for person in people[number:]:
            if len(found) >= skipped + query.limit:
                break
            for repository, sets, passed in passing:
                if self._people.is_in(passed, person):
                    found += self._permissions(repository, sets, [person])
        return found[skipped : skipped + query.limit], before(len(people))

    def _permissions(self, repository: Repository, sets: LevelSet, people: Iterable[Account]) -> list[Permission]:
        return [
            Permission(repository, person, Level(sum(self._people.is_in(each, person) for each in sets)))
            for person in people
        ]

    def _passing(self, repository: Repository, filter: Filter | None) -> tuple[LevelSet, int]:
        sets = self._sets.on(repository)
        everybody = sets.at_least(Level.READ)
        return sets, everybody if filter is None else everybody & self._matches(filter, repository, sets)

    def _matches(self, filter: Filter, repository: Repository, sets: LevelSet) -> int:
        """Return the people for whom a repository passes a filter."""
        if not isinstance(filter, Comparison):
            join = and_ if isinstance(filter, AllOf) else or_
            return reduce(join, [self._matches(part, repository, sets) for part in filter.parts])
        if filter.field == LEVEL:
            levels = [level for level in _LEVELS if filters.matches(filter, level, {LEVEL: int})]
            return reduce(or_, [sets.exactly(level) for level in levels], 0)
        if filter.field in self._readers:
            return -1 if filters.matches(filter, repository, self._readers) else 0
        if filter not in self._matching:
            matching = (each.id for each in self._people.all if filters.matches(filter, each, PERSON_READERS))
            self._matching[filter] = self._people.set_of(matching)
        return self._matching[filter]
