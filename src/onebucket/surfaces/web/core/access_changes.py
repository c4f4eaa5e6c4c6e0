"""Who gains and who loses access; one line per person for all repositories with the same change."""

from collections.abc import Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar

from onebucket.actions.access_losses import AccessLoss, AccessLosses
from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level


class Person(Protocol):
    """Somebody whose level changes, here or at a host of a mirror."""

    @property
    def id(self) -> str:
        """What tells them from others."""

    @property
    def username(self) -> str:
        """The name to show."""


class Difference(Protocol):
    """A change of one person's level on some repositories."""

    @property
    def person(self) -> Person:
        """The person whose level changes."""

    @property
    def before(self) -> Level:
        """The level they have now."""

    @property
    def after(self) -> Level:
        """The level they would have."""


_Line = TypeVar("_Line", bound=Difference)


def worst_first(differences: Iterable[_Line]) -> list[_Line]:
    """Sort by how much is lost, largest loss first, then by username."""
    return sorted(differences, key=lambda line: (line.after - line.before, line.person.username.lower()))


class Effects(NamedTuple, Generic[_Line]):
    """Who gains and who loses: the lines, worst first, and the number of people of each kind."""

    lines: list[_Line]
    gaining: int
    losing: int


def effects_of(differences: Iterable[_Line]) -> Effects[_Line]:
    """Sort the differences, and count the people who gain and who lose somewhere."""
    lines = worst_first(differences)
    gaining = {line.person.id for line in lines if line.after > line.before}
    losing = {line.person.id for line in lines if line.after < line.before}
    return Effects(lines, len(gaining), len(losing))


class Line(NamedTuple):
    """An `AccessLoss` without its repositories."""

    person: Account
    before: Level
    after: Level


class Lines:
    """Losses of access, worst first; the repositories of a line are looked up only when it is shown or searched.

    Looking up all of them would be people × repositories.
    """

    def __init__(self, losses: AccessLosses) -> None:
        self._losses = losses
        lines = [Line(loss.person, loss.before, loss.after) for loss in losses]
        self.worst_first = sorted(lines, key=lambda line: (line.after - line.before, line.person.username.lower()))

    def whole(self, line: Line) -> AccessLoss:
        """Return the line's `AccessLoss`, with its repositories."""
        return next(loss for loss in self._losses.of(line.person) if (loss.before, loss.after) == line[1:])

    def words(self, line: Line) -> str:
        """Return the text that a search of the lines matches."""
        return f"{line.person.username} {' '.join(each.slug for each in self.whole(line).repositories)}"
