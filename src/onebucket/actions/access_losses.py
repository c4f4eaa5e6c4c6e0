"""Who would lose what without a group: worked out for one person at a time, as all of it is people × repositories."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store.access_inputs import AccessInputs

# So many kinds of people are kept, each with its repositories: most people of a group are alike.
MAX_KINDS = 50


class AccessLoss(NamedTuple):
    """What a person would have less on some repositories."""

    person: Account
    repositories: Sequence[Repository]
    before: Level
    after: Level


class AccessLosses:
    """What each of some people would lose, by username; what is the same on several repositories is one loss."""

    def __init__(
        self,
        owner: Account,
        group: Group,
        people: Sequence[Account],
        everywhere: Sequence[Repository],
        known: AccessInputs,
    ) -> None:
        self.owner = owner
        self.group = group
        self._people = sorted(people, key=lambda person: person.username.lower())
        self._known = known
        self._bunches = known.group_equivalent_repositories(everywhere)
        self._kind = known.kinds()
        self._of_kind: dict[object, dict[tuple[Level, Level], list[Repository]]] = {}

    def __iter__(self) -> Iterator[AccessLoss]:
        for person in self._people:
            yield from self.of(person)

    def of(self, person: Account) -> list[AccessLoss]:
        """What one of them would lose."""
        kind = self._kind(person)
        lost = self._of_kind.get(kind)
        if lost is None:
            if len(self._of_kind) >= MAX_KINDS:
                self._of_kind.clear()
            lost = self._of_kind[kind] = self._lost(person)
        return [AccessLoss(person, there, *levels) for levels, there in lost.items()]

    def _lost(self, person: Account) -> dict[tuple[Level, Level], list[Repository]]:
        lost: dict[tuple[Level, Level], list[Repository]] = {}
        for bunch in self._bunches(person):
            before, after = (self._known.level(person, bunch[0], without=left) for left in (None, self.group.id))
            if after < before:
                lost.setdefault((before, after), []).extend(bunch)
        for there in lost.values():
            there.sort(key=lambda repository: repository.slug)
        return lost
