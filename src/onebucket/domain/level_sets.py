"""Who has which level on each repository of an account, as sets of people: no pair is looked at by itself.

A set is a number with a bit for each person of the account, so that whole groups are joined at once. The rules are
those of `domain.privileges.why`, but a public repository gives nobody a level here: it gives the same to everybody.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository

# Levels by the id of a repository or a project, and then by that of a group or a person.
LevelsByPlace = Mapping[str, Mapping[str, Level]]


class People:
    """The people of an account in an order, each with a bit of a set."""

    def __init__(self, people: Sequence[Account]) -> None:
        self.all = people
        self._bits = {person.id: bit for bit, person in enumerate(people)}

    def set_of(self, ids: Iterable[str]) -> int:
        """Make the set of the people with these ids; those who aren't in the account are left out."""
        bits = bytearray(len(self.all) // 8 + 1)
        for id in ids:
            bit = self._bits.get(id)
            if bit is not None:
                bits[bit >> 3] |= 1 << (bit & 7)
        return int.from_bytes(bits, "little")

    def in_set(self, people: int) -> list[Account]:
        """List the people of a set, in order."""
        return [person for person, bit in zip(self.all, reversed(f"{people:b}"), strict=False) if bit == "1"]

    def is_in(self, people: int, person: Account) -> bool:
        """Return whether a person is in a set."""
        return bool(people >> self._bits[person.id] & 1)


class LevelSet(tuple[int, ...]):
    """The people who have at least read, at least write, and admin on a repository."""

    __slots__ = ()

    def at_least(self, level: Level) -> int:
        """Return the people with that level or a higher one."""
        return self[level - 1]

    def exactly(self, level: Level) -> int:
        """Return the people with that level."""
        return self[level - 1] & ~self[level] if level < len(self) else self[level - 1]


@dataclass(frozen=True, slots=True)
class LevelRows:
    """What decides about levels. `members` are ids of people by that of their group.

    `defaults` holds the default level of each group that has one, `administering` the groups of administrators.
    `of_groups` and `of_people` hold what was set on repositories and projects; of a project, what it gives on its
    repositories.
    """

    defaults: Mapping[str, Level]
    administering: Collection[str]
    members: Mapping[str, Sequence[str]]
    of_groups: LevelsByPlace
    of_people: LevelsByPlace


class LevelSets:
    """The levels of an account's people on its repositories."""

    def __init__(self, owner: Account, people: People, rows: LevelRows) -> None:
        self.people = people
        self._rows = rows
        self._active = people.set_of(person.id for person in people.all if person.is_active)
        self._members = {id: people.set_of(ids) for id, ids in rows.members.items()}
        self._defaults = {id: level for id, level in rows.defaults.items() if level}
        self._administrators = people.set_of(
            person.id for person in people.all if person.site_admin or person.id == owner.id
        )
        for id in rows.administering:
            self._administrators |= self._members.get(id, 0)
        self._usual = self._by_default(without=())
        self._on_projects: dict[str, LevelSet] = {}

    def on(self, repository: Repository) -> LevelSet:
        """Return who has which level on a repository."""
        set_there = self._rows.of_groups.get(repository.id, {})
        usual = self._by_default(set_there) if self._defaults.keys() & set_there.keys() else self._usual
        sets = (usual, self._set_in(repository.id), self._on_project(repository.project_id))
        return LevelSet((first | second | third) & self._active for first, second, third in zip(*sets, strict=True))

    def administrators_there(self, place_id: str) -> int:
        """Return who administers a repository or a project because of what was set there, for them or for a group."""
        return self._set_in(place_id).at_least(Level.ADMIN) & self._active

    def _by_default(self, without: Iterable[str]) -> LevelSet:
        """Return who has which level everywhere: as an administrator, or through a group but for these."""
        sets = [self._administrators] * Level.ADMIN
        for id in self._defaults.keys() - set(without):
            _add(sets, self._members.get(id, 0), self._defaults[id])
        return LevelSet(sets)

    def _on_project(self, id: str) -> LevelSet:
        if id not in self._on_projects:
            self._on_projects[id] = self._set_in(id)
        return self._on_projects[id]

    def _set_in(self, place_id: str) -> LevelSet:
        """Return what was set on a repository or a project, for groups and for people."""
        sets = [0] * Level.ADMIN
        for id, level in self._rows.of_groups.get(place_id, {}).items():
            _add(sets, self._members.get(id, 0), level)
        of_people = self._rows.of_people.get(place_id, {})
        for level in {*of_people.values()}:
            _add(sets, self.people.set_of(id for id, given in of_people.items() if given is level), level)
        return LevelSet(sets)


def _add(sets: list[int], people: int, level: Level) -> None:
    for number in range(level):
        sets[number] |= people
