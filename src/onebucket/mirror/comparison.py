"""Compares what people may do here with what they were given at the host: pure, and the same for every host."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level

# A repository's slug and a person's id at the host; of groups, their slugs, and of projects, their keys.
Place = tuple[str, str]
# People's levels by id, or those of groups by slug.
Levels = Mapping[str, Level]


class Effect(Enum):
    """What a difference means for the person, there."""

    GAINS = "gains"
    LOSES = "loses"


@dataclass(frozen=True, slots=True)
class Difference:
    """A person's level on a repository: `here` it should be that, `there` it is this. `name` is the person's.

    `target` is what the person has to be given there themselves, none for nothing. A group's has its slug for
    `person_id`, and one on a project its key for `repository`.
    """

    repository: str
    person_id: str
    name: str
    here: Level
    there: Level
    target: Level
    kind: GrantKind = GrantKind.PERSON

    @property
    def where(self) -> str:
        """The repository or project, as it is printed."""
        return f"project {self.repository}" if self.kind.is_on_project else self.repository

    @property
    def gives_to_group(self) -> bool:
        """Whether a group gains, and with it everybody who is in it there."""
        return self.kind.is_of_group and self.effect is Effect.GAINS

    @property
    def effect(self) -> Effect:
        """What the person gains or loses when the host follows."""
        return Effect.GAINS if self.here > self.there else Effect.LOSES

    @property
    def place(self) -> Place:
        """The repository and the person."""
        return self.repository, self.person_id


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person to invite to a group of the host; `name` is the person's."""

    person_id: str
    name: str
    email: str
    group: str


@dataclass(frozen=True, slots=True)
class UnsplitGroup:
    """A group that keeps what it has there, because its people would need this many `permissions` of their own.

    `people` are those in it there who have less here, by name: they are to be taken out of it there.
    """

    slug: str
    name: str
    permissions: int
    people: tuple[str, ...]


@dataclass(slots=True)
class Comparison:
    """The result: `differences` are put right by a mirror that may, `foreign` are not, because it did not set them.

    `inherited` are people who have more there than here through a group or a project there, which a mirror leaves
    alone. `strangers` are people with access here who are no members there. `compared` counts what people were given
    there themselves. `to_invite` are those of the strangers who are to be invited now. `unsplit` are groups that keep
    what they have there although some people in them have less here, who are among the inherited.
    """

    differences: list[Difference] = field(default_factory=list)
    foreign: list[Difference] = field(default_factory=list)
    inherited: list[Difference] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    compared: int = 0
    to_invite: list[Invitation] = field(default_factory=list)
    unsplit: list[UnsplitGroup] = field(default_factory=list)

    @property
    def removals(self) -> list[Difference]:
        """The differences that take something away."""
        return [each for each in self.differences if each.effect is Effect.LOSES]

    def joined(self, other: "Comparison") -> "Comparison":
        """Return what was found in both."""
        return Comparison(
            self.differences + other.differences,
            self.foreign + other.foreign,
            self.inherited + other.inherited,
            self.strangers + other.strangers,
            self.compared + other.compared,
            self.to_invite + other.to_invite,
            self.unsplit + other.unsplit,
        )

    @property
    def has_drift(self) -> bool:
        """Whether anything differs."""
        return bool(self.differences or self.foreign or self.inherited or self.to_invite)


@dataclass(frozen=True, slots=True)
class There:
    """What the host has.

    `given` is what people were given themselves, by place; `inherited` returns what they have on a repository through
    groups and projects. `members` are names by id, `untouched` the ids of those who are left alone, such as owners.
    """

    given: Mapping[Place, Level]
    inherited: Callable[[str], Levels]
    members: Mapping[str, str]
    untouched: Collection[str]


def compare(
    here: Mapping[Place, Level],
    there: There,
    *,
    repositories: Iterable[str],
    ours: Collection[Place],
    takes_over: bool,
    names: Mapping[str, str],
    kind: GrantKind = GrantKind.PERSON,
) -> Comparison:
    """Compare both sides on `repositories`. `ours` are the places that the mirror has set, `names` of people by id.

    Who has their level there through a group or a project is given nothing themselves. What was given to a person who
    has nothing here is removed if the mirror set it, or with `takes_over`; otherwise it is only told.
    """
    result = Comparison(compared=sum(1 for _, person in there.given if person not in there.untouched))
    strangers = {person for _, person in here if person not in there.members and person not in there.untouched}
    everybody = {*there.members, *(person for _, person in there.given)} - {*there.untouched}
    for place, wanted, given, inherited in _unequal(here, there, repositories, everybody):
        found = max(given, inherited)
        if wanted > found and place[1] not in there.members:
            continue
        name = names.get(place[1]) or there.members.get(place[1], place[1])
        target = wanted if wanted > inherited else Level.NONE
        difference = Difference(*place, name, wanted, found, target, kind)
        if given is target:
            result.inherited.append(difference)
        elif not wanted and place not in ours and not takes_over:
            result.foreign.append(difference)
        else:
            result.differences.append(difference)
    for listed in (result.differences, result.foreign, result.inherited):
        listed.sort(key=lambda each: (each.repository, each.name))
    result.strangers = sorted(names.get(person, person) for person in strangers)
    return result


def _unequal(
    here: Mapping[Place, Level], there: There, repositories: Iterable[str], everybody: Collection[str]
) -> Iterator[tuple[Place, Level, Level, Level]]:
    """Yield the places where both sides differ: the level here, the one given there, and the one inherited there."""
    nothing, given_there = Level.NONE, there.given
    for repository in repositories:
        inherited_on = there.inherited(repository)
        for person in everybody:
            place = repository, person
            wanted, inherited = here.get(place, nothing), inherited_on.get(person, nothing)
            # Most people have the same on both sides, and were given nothing themselves.
            if wanted is inherited and place not in given_there:
                continue
            given = given_there.get(place, nothing)
            if wanted is not max(given, inherited):
                yield place, wanted, given, inherited


def described(differences: Iterable[Difference]) -> list[str]:
    """Return one line for each difference, as `mirror diff` prints it."""
    return [
        f"{'+' if each.effect is Effect.GAINS else '-'} {each.name} on {each.where}: "
        f"{each.there.word} there, {each.here.word} here"
        for each in differences
    ]
