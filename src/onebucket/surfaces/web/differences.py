"""Who gains and who loses what, a line for what is the same for a person on several repositories."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

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


def words(each: Difference) -> str:
    """What a line can be found by."""
    return f"{each.person.username} {' '.join(repository.slug for repository in each.repositories)}"
