"""What the person who asks can do: the groups he is in, and every repository on which he has something."""

from dataclasses import dataclass

from onebucket.actions import access, access_checks
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Forbidden
from onebucket.store import account_summaries, group_members, repository_rows


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """What a person is in one account; `verdicts` are of the repositories there on which they have something.

    Each has only the way that decides: all of them together may be groups × repositories.
    """

    owner: Account
    administers: bool
    groups: tuple[GroupWithMembers, ...]
    decisions: tuple[AccessDecision, ...]


def access_by_account(work: UnitOfWork) -> list[AccountAccess]:
    """What the person who asks is in each account where he is something, his own first; so many queries for each.

    What he may do only because he runs the site, or because everybody may, is left out elsewhere.
    """
    if work.actor.account is None:
        raise Forbidden("sign in first")
    person = access.account(work, work.actor.account.id, to=To.CHANGE_PERSON)

    entered: dict[str, list[GroupWithMembers]] = {}
    for roster in group_members.groups_of_person(work.tx, person.id):
        entered.setdefault(roster.owner.id, []).append(roster)
    found = account_summaries.accounts_of_person(work.tx, person.id)
    return [
        AccountAccess(owner, access.administers(work, owner), tuple(entered.get(owner.id, ())), _decisions(work, owner))
        for owner in sorted(found, key=lambda owner: owner.id != person.id)
    ]


def _decisions(work: UnitOfWork, owner: Account) -> tuple[AccessDecision, ...]:
    me = work.actor.id or ""
    questions = [AccessQuery(me, owner.id, each.slug) for each in repository_rows.of_account(work.tx, owner.id)]
    return tuple(
        answer._replace(ways=answer.ways[:1])
        for answer in access_checks.answers(work, questions)
        if isinstance(answer, AccessDecision) and answer.level is not Level.NONE
    )
