"""Find accounts, groups, repositories and people by words, as far as the actor may see them."""

from collections.abc import Sequence
from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery, containing
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.repositories import Repository
from onebucket.store import own_level_rows, search_rows

# How many of each kind are found, of how many words, and how long these may be together.
MOST_FOUND, MOST_WORDS, LONGEST = 10, 5, 100


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: at most `MOST_FOUND` of each kind, the shortest names first.

    Of a person, also the username of an account in which the actor administers them; None for site administrators.
    """

    teams: Sequence[Account] = ()
    groups: Sequence[tuple[Group, Account]] = ()
    repositories: Sequence[tuple[Repository, Account]] = ()
    people: Sequence[tuple[Account, str | None]] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.teams or self.groups or self.repositories or self.people)


def search(work: UnitOfWork, text: str) -> Found:
    """Find what has every word of a text in its name, in any case. Raises Forbidden when the caller is anonymous.

    Groups are the actor's own and those of accounts that they administer, people those of these accounts; repositories
    those on which they have a level. A site administrator finds everything.
    """
    person = access.oneself(work, to=To.SEE_PROFILE)
    text = " ".join(text[:LONGEST].split()[:MOST_WORDS])
    if not text:
        return Found()
    repositories, _ = own_level_rows.anywhere(work.tx, person, _query(text, "repository.slug", "repository.name"))
    return Found(
        search_rows.teams(work.tx, person, _query(text, "username", "name")),
        search_rows.found_groups(work.tx, person, _query(text, "slug", "name")),
        [(repository, owner) for owner, repository, _ in repositories],
        search_rows.people(work.tx, person, _query(text, "username", "name")),
    )


def _query(text: str, *fields: str) -> ListQuery:
    return ListQuery(MOST_FOUND, filter=containing(text, *fields), is_counted=False)
