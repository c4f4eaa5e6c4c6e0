"""Access reports for administrators: who has access to a repository, and what a person may do in an account."""

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
    """A person's access in an account: the number of repositories at each level, and the sources of that access.

    `through` holds `account/slug` for each of the person's groups there, and `owner`, `direct` or `account`. Public
    read access counts in `levels`, but isn't a source.
    """

    person: Account
    levels: dict[Level, int]
    through: tuple[str, ...]


def who_can(work: UnitOfWork, account_name: str, slug: str, level: Level) -> list[AccessDecision]:
    """List everybody who has at least `level` on a repository, and why; leaves out public read access.

    Ordered by level, highest first, then by username. For administrators of the account or the repository.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    people = account_summaries.people(work.tx, owner.id, with_site=True)
    inputs = access_inputs.load(work.tx, owner, [repository], people)
    revision = account_rows.revision(work.tx, owner.id)

    decisions = [
        AccessDecision(person, owner, repository, inputs.ways(person, repository), revision) for person in people
    ]
    matching = [
        each for each in decisions if each.ways and each.allows(level) and each.ways[0].through is not Through.PUBLIC
    ]
    return sorted(matching, key=lambda each: -each.level)


def of_person(work: UnitOfWork, account_name: str, name: str) -> list[AccessDecision]:
    """List a person's access on each repository of an account, by slug, where they have any; for administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    person = access.person(work, name)
    repositories = repository_rows.of_account(work.tx, owner.id)
    inputs = access_inputs.load(work.tx, owner, repositories, [person])
    revision = account_rows.revision(work.tx, owner.id)

    decisions = [AccessDecision(person, owner, each, inputs.ways(person, each), revision) for each in repositories]
    return [decision for decision in decisions if decision.ways]


def summaries(work: UnitOfWork, account_name: str, people: Collection[Account]) -> list[AccessSummary]:
    """Summarize each person's access in the whole account; for administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    repositories = repository_rows.of_account(work.tx, owner.id)
    inputs = access_inputs.load(work.tx, owner, repositories, people)
    group_names: dict[str, Sequence[str]] = {
        person.id: [f"{owner.username}/{row.slug}" for row in inputs.memberships.get(person.id, ())]
        for person in people
    }

    equivalent_repositories = inputs.group_equivalent_repositories(repositories)
    result = []
    for person in people:
        levels: dict[Level, int] = {}
        others: set[str] = set()
        for equivalent in equivalent_repositories(person):
            ways = why(inputs.input_for(person, equivalent[0]))
            level = strongest(ways)
            levels[level] = levels.get(level, 0) + len(equivalent)
            others |= {way.through.value for way in ways if way.group is None and way.through is not Through.PUBLIC}
        result.append(AccessSummary(person, levels, (*sorted(others), *sorted(group_names[person.id]))))
    return result
