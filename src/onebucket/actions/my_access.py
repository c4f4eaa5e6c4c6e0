"""The actor's own access: their groups, and every repository on which they have a level."""

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
    """A person's role, groups and access in one account; `decisions` covers repositories on which they have a level.

    Each decision keeps only its first reason: all of them together may be groups × repositories.
    """

    owner: Account
    administers: bool
    groups: tuple[GroupWithMembers, ...]
    decisions: tuple[AccessDecision, ...]


def access_by_account(work: UnitOfWork) -> list[AccountAccess]:
    """Return the actor's access in each account that they have a part in, their own first.

    Takes several queries per account. Leaves out accounts where they have access only as a site administrator or
    through public repositories. Raises Forbidden when the caller is anonymous.
    """
    if work.actor.account is None:
        raise Forbidden("sign in first")
    person = access.account(work, work.actor.account.id, to=To.CHANGE_PERSON)

    groups: dict[str, list[GroupWithMembers]] = {}
    for roster in group_members.groups_of_person(work.tx, person.id):
        groups.setdefault(roster.owner.id, []).append(roster)
    accounts = account_summaries.accounts_of_person(work.tx, person.id)
    return [
        AccountAccess(owner, access.administers(work, owner), tuple(groups.get(owner.id, ())), _decisions(work, owner))
        for owner in sorted(accounts, key=lambda owner: owner.id != person.id)
    ]


def _decisions(work: UnitOfWork, owner: Account) -> tuple[AccessDecision, ...]:
    actor_id = work.actor.id or ""
    queries = [AccessQuery(actor_id, owner.id, each.slug) for each in repository_rows.of_account(work.tx, owner.id)]
    return tuple(
        answer._replace(ways=answer.ways[:1])
        for answer in access_checks.answers(work, queries)
        if isinstance(answer, AccessDecision) and answer.level is not Level.NONE
    )
