"""Access checks: what a person may do on a repository, why, and what they would lose. Changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from onebucket.actions import access
from onebucket.actions.access_losses import AccessLosses
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import NotFound, Refusal
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_rows, group_members, group_rows, repository_rows

# Rows that are read at least for a pair of a person and a repository.
ROWS_OF_A_PAIR = 3


class AccessDecision(NamedTuple):
    """What a person may do on a repository, with every reason; `ways[0]` is the one that decides.

    The decision holds while the account's revision is `revision` and the person's own account doesn't change, and
    until `until`: then the level becomes another one, because something ends.
    """

    person: Account
    owner: Account
    repository: Repository
    ways: tuple[Reason, ...]
    revision: int
    until: datetime | None = None

    @property
    def level(self) -> Level:
        """Return the strongest level of all reasons."""
        return self.ways[0].level if self.ways else Level.NONE

    def allows(self, level: Level) -> bool:
        """Return whether the person has at least `level`; `NONE` means any access."""
        return self.level >= (level or Level.READ)


class AccessQuery(NamedTuple):
    """One question: what may `user` do on this repository of this account?"""

    user: str
    account: str
    repository: str


def check(work: UnitOfWork, question: AccessQuery) -> AccessDecision:
    """Answer one query of the person themselves or an administrator. Raises NotFound, Forbidden, Invalid."""
    [answer] = check_many(work, [question])
    if isinstance(answer, Refusal):
        raise answer
    return answer


def check_many(work: UnitOfWork, questions: Iterable[AccessQuery]) -> list[AccessDecision | Refusal]:
    """Answer several queries, in order; each refusal takes the place of its decision."""
    return [*answers(work, questions)]


def answers(work: UnitOfWork, questions: Iterable[AccessQuery]) -> Iterator[AccessDecision | Refusal]:
    """Like `check_many`, but compute each decision lazily: all of them together may hold queries × groups reasons.

    Reads the database before the first answer, with a few statements per account.
    """
    queries = list(questions)
    people = access.each_person(work, {query.user for query in queries})

    pending: dict[int, _PendingAnswer] = {}
    by_account: dict[str, list[_IndexedQuery]] = {}
    for index, query in enumerate(queries):
        person = people[query.user]
        if isinstance(person, Account):
            by_account.setdefault(query.account, []).append((index, query.repository, person))
        else:
            pending[index] = person
    for account_name, of_account in by_account.items():
        pending.update(_check_account(work, account_name, of_account))
    in_order = (pending[index] for index in range(len(queries)))
    return (answer if isinstance(answer, Refusal) else answer() for answer in in_order)


# The query's index, the repository's slug, and the person.
_IndexedQuery = tuple[int, str, Account]
# A refusal, or a function that computes the decision.
_PendingAnswer = Refusal | Callable[[], AccessDecision]


def _check_account(work: UnitOfWork, name: str, queries: Sequence[_IndexedQuery]) -> dict[int, _PendingAnswer]:
    """Prepare the answers to the queries about one account, by index."""
    requested = [(slug, person) for _, slug, person in queries]
    try:
        owner, results, inputs = access.each_repository(work, name, requested, to=To.ASK_ABOUT_PERSON)
    except NotFound as refusal:
        return {index: refusal for index, _, _ in queries}

    revision = account_rows.revision(work.tx, owner.id)

    def decide(person: Account, repository: Repository) -> AccessDecision:
        ways = inputs.ways(person, repository)
        ending = any(way.until for way in ways)
        until = privileges.next_change(inputs.input_for(person, repository)) if ending else None
        return AccessDecision(person, owner, repository, ways, revision, until)

    return {
        index: partial(decide, person, result) if isinstance(result, Repository) else result
        for (index, _, person), result in zip(queries, results, strict=True)
    }


def impact(work: UnitOfWork, account_name: str, slug: str, member: str | None = None) -> AccessLosses:
    """Return who would lose which access if a group were deleted or, with `member`, if that person left it.

    Raises NotFound when `member` isn't in the group.
    """
    owner, group = access.group(work, account_name, slug, to=To.DELETE_GROUP)
    if member is None:
        people = tuple(group_members.members(work.tx, group))
    else:
        leaving = access.person(work, member)
        if not group_rows.is_member(work.tx, group, leaving.id):
            raise NotFound(f"{leaving.username} is not a member of {group.slug}")
        people = (leaving,)

    repositories = repository_rows.of_account(work.tx, owner.id)
    return AccessLosses(owner, group, people, repositories, access_inputs.load(work.tx, owner, repositories, people))
