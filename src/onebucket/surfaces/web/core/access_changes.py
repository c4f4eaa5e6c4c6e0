"""Who gains and who loses what, a line for what is the same for a person on several repositories."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from onebucket.actions.access_losses import AccessLoss, AccessLosses
from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository


class Difference(Protocol):
    """What a person has on some repositories, and would have."""

    @property
    def person(self) -> Account:
        """Who."""

    @property
    def repositories(self) -> Sequence[Repository]:
        """Where."""

    @property
    def before(self) -> Level:
        """What he has."""

    @property
    def after(self) -> Level:
        """What he would have."""


_Line = TypeVar("_Line", bound=Difference)


def worst_first(differences: Iterable[_Line]) -> list[_Line]:
    """The differences, those first by which somebody loses most."""
    return sorted(differences, key=lambda each: (each.after - each.before, each.person.username.lower()))


class Line(NamedTuple):
    """A loss without its repositories."""

    person: Account
    before: Level
    after: Level


class Lines:
    """What people would lose, the worst first: the repositories of a line are looked for when it is shown, or searched.

    All of them together are people × repositories.
    """

    def __init__(self, losses: AccessLosses) -> None:
        self._losses = losses
        lines = [Line(loss.person, loss.before, loss.after) for loss in losses]
        self.worst_first = sorted(lines, key=lambda each: (each.after - each.before, each.person.username.lower()))

    def whole(self, line: Line) -> AccessLoss:
        """The loss itself."""
        return next(each for each in self._losses.of(line.person) if (each.before, each.after) == line[1:])

    def words(self, line: Line) -> str:
        """What a line can be found by."""
        return f"{line.person.username} {' '.join(each.slug for each in self.whole(line).repositories)}"
