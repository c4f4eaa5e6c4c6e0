"""Who gains and who loses what: what is the same for a person on several repositories is one line."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository


class Difference(Protocol):
    """What a person has on a repository, and would have."""

    @property
    def person(self) -> Account:
        """Who."""

    @property
    def repository(self) -> Repository:
        """Where."""

    @property
    def before(self) -> Level:
        """What he has."""

    @property
    def after(self) -> Level:
        """What he would have."""


class Line(NamedTuple):
    """A person who has one level on some repositories, and would have another."""

    person: Account
    repositories: list[Repository]
    before: Level
    after: Level

    @property
    def words(self) -> str:
        """What it can be found by."""
        return f"{self.person.username} {' '.join(each.slug for each in self.repositories)}"


def lines(differences: Iterable[Difference]) -> list[Line]:
    """The differences, those first by which somebody loses most."""
    together: dict[tuple[str, Level, Level], Line] = {}
    for each in differences:
        new = Line(each.person, [], each.before, each.after)
        together.setdefault((each.person.id, each.before, each.after), new).repositories.append(each.repository)
    return sorted(together.values(), key=lambda each: (each.after - each.before, each.person.username.lower()))
