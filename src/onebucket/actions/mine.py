"""What the person who asks can do: the groups he is in, and every repository on which he has something."""

from dataclasses import dataclass

from onebucket.actions import access, asking
from onebucket.actions.asking import Question, Verdict
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Roster
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Forbidden
from onebucket.store import overviews, repositories, rosters


@dataclass(frozen=True, slots=True)
class Holding:
    """What a person is in one account; `verdicts` are of the repositories there on which they have something.

    Each has only the way that decides: all of them together may be groups × repositories.
    """

    owner: Account
    administers: bool
    groups: tuple[Roster, ...]
    verdicts: tuple[Verdict, ...]


def holdings(work: Work) -> list[Holding]:
    """What the person who asks is in each account where he is something, his own first; so many queries for each.

    What he may do only because he runs the site, or because everybody may, is left out elsewhere.
    """
    if work.actor.account is None:
        raise Forbidden("sign in first")
    person = access.account(work, work.actor.account.id, to=To.CHANGE_PERSON)

    entered: dict[str, list[Roster]] = {}
    for roster in rosters.entered(work.tx, person.id):
        entered.setdefault(roster.owner.id, []).append(roster)
    found = overviews.accounts_with(work.tx, person.id)
    return [
        Holding(owner, access.administers(work, owner), tuple(entered.get(owner.id, ())), _verdicts(work, owner))
        for owner in sorted(found, key=lambda owner: owner.id != person.id)
    ]


def _verdicts(work: Work, owner: Account) -> tuple[Verdict, ...]:
    me = work.actor.id or ""
    questions = [Question(me, owner.id, each.slug) for each in repositories.of_account(work.tx, owner.id)]
    return tuple(
        answer._replace(ways=answer.ways[:1])
        for answer in asking.answers(work, questions)
        if isinstance(answer, Verdict) and answer.level is not Level.NONE
    )
