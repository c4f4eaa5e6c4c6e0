"""What the form that gives access offers for a part of a name: only what whoever asks may list anyway."""

from dataclasses import dataclass

from onebucket.actions import access, account_overview, repositories
from onebucket.actions.given_access import MOST_PEOPLE
from onebucket.actions.repositories import RepositoryDetails
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery, containing
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository

# How many people, groups and repositories are offered.
MOST, MOST_GROUPS = 10, 3


@dataclass(frozen=True, slots=True)
class Candidates:
    """What fits: people of the account, groups with their members, who are chosen at once, and repositories."""

    people: list[Account]
    groups: list[tuple[Group, list[Account]]]
    repositories: list[Repository]


def find(work: UnitOfWork, account_name: str, *, people: str, repository: str) -> Candidates:
    """Return people and groups, and repositories, that have every word of a text in their names; none without a word.

    People and groups are for administrators of the account; repositories are those that the actor administers.
    """
    owner = access.account(work, account_name, to=To.SEE_PROFILE)
    is_administrator = access.administers(work, owner)
    wanted = containing(people, "username", "name")
    found_people: list[Account] = []
    found_groups: list[tuple[Group, list[Account]]] = []
    if wanted and is_administrator:
        found_people, _ = account_overview.people(work, owner.id, ListQuery(MOST, filter=wanted, is_counted=False))
        found_groups = _groups(work, owner.id, people)
    found_repositories: list[RepositoryDetails] = []
    if wanted := containing(repository, "slug", "name"):
        query = ListQuery(MOST, filter=wanted, is_counted=False)
        found_repositories, _ = repositories.visible(work, owner.id, query, least=Level.ADMIN)
    return Candidates(found_people, found_groups, [each.repository for each in found_repositories])


def _groups(work: UnitOfWork, account_id: str, text: str) -> list[tuple[Group, list[Account]]]:
    """Return groups that fit and have as many members as one form takes."""
    query = ListQuery(MOST_GROUPS, filter=containing(text, "slug", "name"), is_counted=False)
    found = []
    for size in account_overview.listed_groups(work, account_id, query)[0]:
        if 1 <= size.members <= MOST_PEOPLE:
            members, _ = account_overview.members(work, account_id, size.group.slug, ListQuery(MOST_PEOPLE))
            found.append((size.group, [person for person, _ in members]))
    return found
