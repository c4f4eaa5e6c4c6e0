"""Who answers in an access review: as people have their rights now, not as they had them when it started."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from onebucket.domain.accounts import Account
from onebucket.domain.level_sets import LevelSets, People
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.domain.reviews import PlaceKind, Review, Reviewers, Row
from onebucket.store import (
    account_summaries,
    administrator_rows,
    level_rows,
    repository_rows,
    review_rows,
)
from onebucket.store.engine.transaction import Transaction


@dataclass(frozen=True, slots=True)
class PlaceAdministrators:
    """Who administers each repository and project of an account."""

    sets: LevelSets
    repositories: Mapping[str, Repository]

    def there(self, kind: PlaceKind, place_id: str) -> int:
        """Return the set of people who administer a place. Only administrators of the account answer for groups."""
        if kind is PlaceKind.PROJECT:
            return self.sets.administrators_there(place_id)
        repository = self.repositories.get(place_id) if kind is PlaceKind.REPOSITORY else None
        return self.sets.on(repository).at_least(Level.ADMIN) if repository else 0

    def is_one(self, person: Account, kind: PlaceKind, place_id: str) -> bool:
        """Return whether a person administers a place."""
        return bool(self.sets.people.set_of([person.id]) & self.there(kind, place_id))


def administrators(tx: Transaction, owner: Account, people: Sequence[Account]) -> PlaceAdministrators:
    """Load who of some people administers the repositories and projects of an account."""
    repositories = {each.id: each for each in repository_rows.of_account(tx, owner.id)}
    return PlaceAdministrators(LevelSets(owner, People(people), level_rows.of_account(tx, owner)), repositories)


def rows_for(tx: Transaction, owner: Account, review: Review, rows: list[Row], person: Account) -> list[Row]:
    """Return those rows of a review about which somebody answers who doesn't administer the account."""
    if review.reviewers is Reviewers.PEOPLE:
        return rows if review_rows.is_reviewer(tx, review, person.id) else []
    found = administrators(tx, owner, [person])
    places: dict[str, bool] = {}
    for row in rows:
        if row.place_id not in places:
            places[row.place_id] = found.is_one(person, row.kind, row.place_id)
    return [row for row in rows if places[row.place_id]]


class Asked:
    """Who is asked for an answer about which rows of a review.

    Nobody is asked about their own access. Where nobody else is left, administrators of the account are asked.
    """

    def __init__(self, tx: Transaction, owner: Account, review: Review) -> None:
        self._tx, self._owner, self._review = tx, owner, review
        self._by_place: dict[str, list[str]] = {}

    @cached_property
    def of_account(self) -> list[str]:
        """The ids of the people who administer the account."""
        own = [] if self._owner.is_team else [self._owner.id]
        return [*dict.fromkeys([*own, *administrator_rows.active_administrators(self._tx, self._owner.id)])]

    @cached_property
    def _places(self) -> PlaceAdministrators:
        return administrators(self._tx, self._owner, account_summaries.people(self._tx, self._owner.id))

    @cached_property
    def _chosen(self) -> list[str]:
        present = {each.id for each in account_summaries.people(self._tx, self._owner.id, with_site=True)}
        return [each.id for each in review_rows.chosen(self._tx, self._review) if each.is_active and each.id in present]

    def about(self, row: Row) -> list[str]:
        """Return the ids of the people who are asked about a row."""
        asked = self._chosen if self._review.reviewers is Reviewers.PEOPLE else self._there(row)
        others = [id for id in asked if id != row.person.id]
        return others or [id for id in self.of_account if id != row.person.id]

    def _there(self, row: Row) -> Sequence[str]:
        found = self._by_place.get(row.place_id)
        if found is None:
            people, everywhere = self._places.sets.people, {*self.of_account}
            there = people.in_set(self._places.there(row.kind, row.place_id))
            found = self._by_place[row.place_id] = [
                each.id for each in there if each.id not in everywhere and not each.site_admin
            ]
        return found

    def people(self, rows: Iterable[Row]) -> list[str]:
        """Return the ids of the people who are asked about any of these rows."""
        return [*dict.fromkeys(id for row in rows for id in self.about(row))]
