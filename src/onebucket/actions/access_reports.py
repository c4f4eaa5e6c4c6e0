"""Who can reach what: everybody who may do so much on a repository, and all that a person may do in an account."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from onebucket.actions import access
from onebucket.actions.access_checks import AccessDecision
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, Through, strongest, why
from onebucket.store import access_inputs, account_rows, account_summaries, repository_rows


class AccessSummary(NamedTuple):
    """What a person may do in a whole account: on how many repositories each level, and through what.

    `through` are ways as words: `account/slug` of groups, otherwise `owner`, `direct`, `account`; what everybody may
    is counted as a level and is no way of hers.
    """

    person: Account
    levels: dict[Level, int]
    through: tuple[str, ...]


def who_can(work: UnitOfWork, account_name: str, slug: str, level: Level) -> list[AccessDecision]:
    """Everybody who may do so much on a repository, and why; not those who may only because everybody may read it.

    The strongest first, then by username; for administrators of the account or the repository.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    people = account_summaries.people(work.tx, owner.id, with_site=True)
    known = access_inputs.load(work.tx, owner, [repository], people)
    revision = account_rows.revision(work.tx, owner.id)

    verdicts = [AccessDecision(each, owner, repository, known.ways(each, repository), revision) for each in people]
    found = [
        each for each in verdicts if each.ways and each.allows(level) and each.ways[0].through is not Through.PUBLIC
    ]
    return sorted(found, key=lambda each: -each.level)


def of_person(work: UnitOfWork, account_name: str, name: str) -> list[AccessDecision]:
    """What a person may do on each repository of an account where that is anything, by slug; for administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    person = access.person(work, name)
    everywhere = repository_rows.of_account(work.tx, owner.id)
    known = access_inputs.load(work.tx, owner, everywhere, [person])
    revision = account_rows.revision(work.tx, owner.id)

    verdicts = [AccessDecision(person, owner, each, known.ways(person, each), revision) for each in everywhere]
    return [each for each in verdicts if each.ways]


def summaries(work: UnitOfWork, account_name: str, people: Collection[Account]) -> list[AccessSummary]:
    """What each of these people may do in the whole account; for administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    everywhere = repository_rows.of_account(work.tx, owner.id)
    known = access_inputs.load(work.tx, owner, everywhere, people)
    told: dict[str, Sequence[str]] = {
        person.id: [f"{owner.username}/{row[2]}" for row in known.memberships.get(person.id, ())] for person in people
    }

    bunches = known.group_equivalent_repositories(everywhere)
    found = []
    for person in people:
        levels: dict[Level, int] = {}
        others: set[str] = set()
        for alike in bunches(person):
            ways = why(known.input_for(person, alike[0]))
            level = strongest(ways)
            levels[level] = levels.get(level, 0) + len(alike)
            others |= {way.through.value for way in ways if way.group is None and way.through is not Through.PUBLIC}
        found.append(AccessSummary(person, levels, (*sorted(others), *sorted(told[person.id]))))
    return found
