"""May she, why, and what would be lost: questions, answered by the one evaluator; nothing is changed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, Reason, why
from onebucket.domain.refusals import NotFound, Refusal
from onebucket.domain.repositories import Repository
from onebucket.store import accounts, cases, repositories, rosters


class Verdict(NamedTuple):
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


class Question(NamedTuple):
    """What may this person do on that repository?"""

    user: str
    account: str
    repository: str


def ask(work: Work, question: Question) -> Verdict:
    """Answer one question, asked by the person himself or an administrator. Raises NotFound, Forbidden, Invalid."""
    [answer] = ask_many(work, [question])
    if isinstance(answer, Refusal):
        raise answer
    return answer


def ask_many(work: Work, questions: Iterable[Question]) -> list[Verdict | Refusal]:
    """Answer several questions, in order; one that is refused doesn't hurt the others.

    It takes so many queries for each account, however many questions there are about it.
    """
    asked = list(questions)
    people = access.each_person(work, {question.user for question in asked})

    answers: dict[int, Verdict | Refusal] = {}
    by_account: dict[str, list[_Asked]] = {}
    for place, question in enumerate(asked):
        person = people[question.user]
        if isinstance(person, Account):
            by_account.setdefault(question.account, []).append((place, question.repository, person))
        else:
            answers[place] = person
    for name, here in by_account.items():
        answers.update(_ask_account(work, name, here))
    return [answers[place] for place in range(len(asked))]


# A question's place among all, the repository's slug, and whom it is about.
_Asked = tuple[int, str, Account]


def _ask_account(work: Work, name: str, asked: Sequence[_Asked]) -> dict[int, Verdict | Refusal]:
    """Answer what is asked about one account, by place."""
    wanted = [(slug, person) for _, slug, person in asked]
    try:
        owner, found = access.each_repository(work, name, wanted, to=To.ASK_ABOUT_PERSON)
    except NotFound as refusal:
        return {place: refusal for place, _, _ in asked}

    held = [(person, each) for (_, person), each in zip(wanted, found, strict=True) if isinstance(each, Repository)]
    known = cases.gather_pairs(work.tx, owner, held)
    revision = accounts.revision(work.tx, owner.id)
    return {
        place: Verdict(person, owner, each, why(known.of(person, each)), revision)
        if isinstance(each, Repository)
        else each
        for (place, _, person), each in zip(asked, found, strict=True)
    }


class Loss(NamedTuple):
    """What a person would have less on some repositories."""

    person: Account
    repositories: list[Repository]
    before: Level
    after: Level


def impact(work: Work, account_name: str, slug: str, member: str | None = None) -> tuple[str, list[Loss]]:
    """Who would lose what if a group were deleted or, with `member`, if that person left it; and the group's name.

    By person; what is the same for him on several repositories is one loss. Raises NotFound when `member` isn't in the
    group.
    """
    owner, group = access.group(work, account_name, slug, to=To.DELETE_GROUP)
    people = tuple(rosters.members(work.tx, group))
    if member is not None:
        leaving = access.person(work, member)
        people = tuple(person for person in people if person.id == leaving.id)
        if not people:
            raise NotFound(f"{leaving.username} is not a member of {group.slug}")

    everywhere = repositories.of_account(work.tx, owner.id)
    found = cases.gather(work.tx, owner, everywhere, people)
    bunches = found.bunches(everywhere)
    losses = []
    for alike in found.alike(people):
        lost: dict[tuple[Level, Level], list[Repository]] = {}
        for bunch in bunches(alike[0]):
            before, after = (found.level(alike[0], bunch[0], without=left) for left in (None, group.id))
            if after < before:
                lost.setdefault((before, after), []).extend(bunch)
        losses += [Loss(person, there, *levels) for person in alike for levels, there in lost.items()]
    losses.sort(key=lambda loss: loss.person.username.lower())
    return f"{owner.username}/{group.slug}", losses
