"""What somebody sees first: their accounts, what waits for them, and what happened in the accounts they administer."""

from collections.abc import Sequence
from dataclasses import dataclass

from onebucket.actions import access, access_requests, invitation_acceptance, journal, outbox, reviews
from onebucket.actions.outbox import OutboxCounts
from onebucket.actions.reviews import WaitingReview
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.ends import SOON
from onebucket.domain.groups import AccountPrivilege, Group, is_administrator
from onebucket.domain.invitations import Invitation
from onebucket.domain.journal_entry import Entry
from onebucket.domain.policy import To
from onebucket.store import account_rows, account_summaries, end_rows, group_rows
from onebucket.store.end_rows import AccessEnd

# Of how many accounts recent entries are shown: each takes a query.
MOST_ACCOUNTS, MOST_ENTRIES = 5, 10


@dataclass(frozen=True, slots=True)
class AccountRole:
    """An account that somebody has a part in, whether they administer it, and their groups there."""

    owner: Account
    administers: bool
    groups: Sequence[Group]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the actor sees first. `letters` are counted for site administrators only.

    `recent` holds the latest entries of the journals of `watched`: accounts that the actor administers, their own left
    out, and at most `MOST_ACCOUNTS`. `ending` is what ends there within a week. `requests` says in which of all the
    accounts that they administer requests for access wait, and how many.
    `reviews` are access reviews that wait for answers of the actor's.
    """

    accounts: Sequence[AccountRole]
    invitations: Sequence[tuple[Account, Invitation]]
    letters: OutboxCounts | None
    watched: Sequence[Account]
    recent: Sequence[Entry]
    ending: Sequence[tuple[Account, AccessEnd]]
    requests: Sequence[tuple[Account, int]]
    reviews: Sequence[WaitingReview]


def dashboard(work: UnitOfWork) -> Dashboard:
    """Return what the actor sees first. Raises Forbidden when the caller is anonymous."""
    person = access.oneself(work, to=To.CHANGE_PERSON)
    roles = [
        AccountRole(owner, is_administrator(person, owner, groups), groups)
        for owner, groups in account_summaries.accounts_with_groups(work.tx, person.id).items()
    ]
    for each in roles:
        _keep(work, each)
    watched = [each.owner for each in roles if each.administers and each.owner.id != person.id][:MOST_ACCOUNTS]
    return Dashboard(
        sorted(roles, key=lambda each: each.owner.id == person.id),
        invitation_acceptance.mine(work),
        outbox.counts(work) if person.site_admin else None,
        watched,
        journal.latest_of(work, [owner.id for owner in watched], at_most=MOST_ENTRIES),
        _ending(work, watched),
        access_requests.waiting_counts(work, [each.owner for each in roles if each.administers]),
        reviews.waiting(work, [(each.owner, each.administers) for each in roles]),
    )


def _keep(work: UnitOfWork, role: AccountRole) -> None:
    """Let nobody look up again what is known of an account and of the actor's part in it."""
    by_group = any(group.account_privilege is AccountPrivilege.ADMIN for group in role.groups)
    account_rows.cache_named(work.tx, role.owner.id, role.owner)
    if work.actor.id is not None:
        group_rows.cache_standing(work.tx, role.owner.id, work.actor.id, None, (by_group, bool(role.groups), False))


def _ending(work: UnitOfWork, owners: Sequence[Account]) -> list[tuple[Account, AccessEnd]]:
    by_id = {owner.id: owner for owner in owners}
    if not by_id:
        return []
    found = end_rows.soon(work.tx, by_id, before=work.at + SOON, most=MOST_ENTRIES)
    return [(by_id[each.account_id], each) for each in found]
