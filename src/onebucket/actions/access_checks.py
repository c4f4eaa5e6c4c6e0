"""May she, why, and what would be lost: questions, answered by the one evaluator; nothing is changed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from onebucket.actions import access
from onebucket.actions.access_losses import AccessLosses
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import NotFound, Refusal
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_rows, group_members, group_rows, repository_rows


class AccessDecision(NamedTuple):
    """What a person may do on a repository: every way in which he may, the one that decides first.

    `revision` is the account's: as long as it is the same, so is the verdict, but for the person's own account.
    """

    person: Account
    owner: Account
    repository: Repository
    ways: tuple[Reason, ...]
    revision: int

    @property
    def level(self) -> Level:
        """The level that all ways give together."""
        return self.ways[0].level if self.ways else Level.NONE

    def allows(self, level: Level) -> bool:
        """Whether that is enough for `level`; `NONE` asks for anything at all."""
        return self.level >= (level or Level.READ)


class AccessQuery(NamedTuple):
    """What may this person do on that repository?"""

    user: str
    account: str
    repository: str


def check(work: UnitOfWork, question: AccessQuery) -> AccessDecision:
    """Answer one question, asked by the person themselves or an administrator. Raises NotFound, Forbidden, Invalid."""
    [answer] = check_many(work, [question])
    if isinstance(answer, Refusal):
        raise answer
    return answer


def check_many(work: UnitOfWork, questions: Iterable[AccessQuery]) -> list[AccessDecision | Refusal]:
    """Answer several questions, in order; one that is refused doesn't hurt the others."""
    return [*answers(work, questions)]


def answers(work: UnitOfWork, questions: Iterable[AccessQuery]) -> Iterator[AccessDecision | Refusal]:
    """The same, each answer made when its turn comes: together they may be questions × groups.

    Everything is read at once, in a few queries for each account and each person who is asked about often.
    """
    asked = list(questions)
    people = access.each_person(work, {question.user for question in asked})

    found: dict[int, _Answer] = {}
    by_account: dict[str, list[_Asked]] = {}
    for place, question in enumerate(asked):
        person = people[question.user]
        if isinstance(person, Account):
            by_account.setdefault(question.account, []).append((place, question.repository, person))
        else:
            found[place] = person
    for name, here in by_account.items():
        found.update(_check_account(work, name, here))
    each = (found[place] for place in range(len(asked)))
    return (answer if isinstance(answer, Refusal) else answer() for answer in each)


# A question's place among all, the repository's slug, and whom it is about.
_Asked = tuple[int, str, Account]
# A refusal, or what makes the answer.
_Answer = Refusal | Callable[[], AccessDecision]


def _check_account(work: UnitOfWork, name: str, asked: Sequence[_Asked]) -> dict[int, _Answer]:
    """Answer what is asked about one account, by place."""
    wanted = [(slug, person) for _, slug, person in asked]
    try:
        owner, found = access.each_repository(work, name, wanted, to=To.ASK_ABOUT_PERSON)
    except NotFound as refusal:
        return {place: refusal for place, _, _ in asked}

    held = [(person, each) for (_, person), each in zip(wanted, found, strict=True) if isinstance(each, Repository)]
    known = access_inputs.load_pairs(work.tx, owner, held)
    revision = account_rows.revision(work.tx, owner.id)

    def verdict(person: Account, repository: Repository) -> AccessDecision:
        return AccessDecision(person, owner, repository, known.ways(person, repository), revision)

    return {
        place: partial(verdict, person, each) if isinstance(each, Repository) else each
        for (place, _, person), each in zip(asked, found, strict=True)
    }


def impact(work: UnitOfWork, account_name: str, slug: str, member: str | None = None) -> AccessLosses:
    """Who would lose what if a group were deleted or, with `member`, if that person left it.

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

    everywhere = repository_rows.of_account(work.tx, owner.id)
    return AccessLosses(owner, group, people, everywhere, access_inputs.load(work.tx, owner, everywhere, people))
