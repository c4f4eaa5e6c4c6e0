"""Computes who would lose which access without a group, one person at a time: the whole is people × repositories."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store.access_inputs import AccessInputs

# Limit of the cache by kind of person: most members of a group have the same inputs and so the same losses.
MAX_KINDS = 50


class AccessLoss(NamedTuple):
    """Some repositories on which a person's level would fall from `before` to `after`."""

    person: Account
    repositories: Sequence[Repository]
    before: Level
    after: Level


class AccessLosses:
    """The losses of several people, iterated by username; equal losses on several repositories are one `AccessLoss`."""

    def __init__(
        self,
        owner: Account,
        group: Group,
        people: Sequence[Account],
        repositories: Sequence[Repository],
        inputs: AccessInputs,
    ) -> None:
        self.owner = owner
        self.group = group
        self.people = sorted(people, key=lambda person: person.username.lower())
        self._inputs = inputs
        self._equivalent_repositories = inputs.group_equivalent_repositories(repositories)
        self._kind = inputs.kinds()
        self._by_kind: dict[object, dict[tuple[Level, Level], list[Repository]]] = {}

    def __iter__(self) -> Iterator[AccessLoss]:
        for person in self.people:
            yield from self.of(person)

    def of(self, person: Account) -> list[AccessLoss]:
        """Return the losses of one person."""
        kind = self._kind(person)
        lost = self._by_kind.get(kind)
        if lost is None:
            if len(self._by_kind) >= MAX_KINDS:
                self._by_kind.clear()
            lost = self._by_kind[kind] = self._compute(person)
        return [AccessLoss(person, repositories, *levels) for levels, repositories in lost.items()]

    def _compute(self, person: Account) -> dict[tuple[Level, Level], list[Repository]]:
        lost: dict[tuple[Level, Level], list[Repository]] = {}
        for equivalent in self._equivalent_repositories(person):
            before = self._inputs.level(person, equivalent[0])
            after = self._inputs.level(person, equivalent[0], without=self.group.id)
            if after < before:
                lost.setdefault((before, after), []).extend(equivalent)
        for repositories in lost.values():
            repositories.sort(key=lambda repository: repository.slug)
        return lost
