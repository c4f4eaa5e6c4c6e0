"""Queries for an account's pages: the actor's role, groups with member counts, repositories and people."""

from dataclasses import dataclass
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, AccountName
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden
from onebucket.store import account_summaries, group_lists, group_members, own_account_rows, people_lists

# How many of somebody's accounts a menu shows.
MOST_OWN = own_account_rows.MOST


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """An account, and whether the actor administers it; `is_insider` if they may see its groups at all."""

    owner: Account
    administers: bool
    is_insider: bool = True


@dataclass(frozen=True, slots=True)
class GroupSize:
    """A group and the number of its members."""

    group: Group
    members: int


def account_summary(work: UnitOfWork, account_name: str) -> AccountSummary:
    """Return an account for its administrators and the members of its groups. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.LIST_GROUPS)
    return AccountSummary(owner, access.administers(work, owner))


def summary_for_visitors(work: UnitOfWork, account_name: str) -> AccountSummary:
    """Return an account for everybody, also for those who have only a project or a repository there."""
    owner = access.account(work, account_name, to=To.SEE_PROFILE)
    try:
        return account_summary(work, owner.id)
    except Forbidden:
        return AccountSummary(owner, administers=False, is_insider=False)


def account_settings(work: UnitOfWork, account_name: str) -> AccountSummary:
    """Return an account for those who may change its settings. Raises NotFound, Forbidden."""
    return AccountSummary(access.account(work, account_name, to=To.CHANGE_ACCOUNT), True)


def group_sizes(work: UnitOfWork, account_name: str) -> list[GroupSize]:
    """List an account's groups by slug: an administrator sees all, a member their own (contract/api-1.0.md#g2)."""
    summary = account_summary(work, account_name)
    if summary.administers:
        return [GroupSize(*found) for found in account_summaries.groups_with_counts(work.tx, summary.owner.id)]
    own = group_members.load_groups(work.tx, account_id=summary.owner.id, person_id=work.actor.id, members=False)
    counts = account_summaries.counts(work.tx, summary.owner.id)
    return [GroupSize(roster.group, counts.get(roster.group.id, 0)) for roster in own]


def own_accounts(work: UnitOfWork) -> tuple[AccountName, ...]:
    """Return the actor's own account and those in whose groups they are, whose pages they see.

    They are sorted by username, and at most one more than `MOST_OWN`.
    """
    return () if work.actor.id is None else own_account_rows.first(work.tx, work.actor.id)


def listed_groups(work: UnitOfWork, account_name: str, query: ListQuery) -> tuple[list[GroupSize], int]:
    """Return the part of those groups that a query wants, and how many pass its filter."""
    summary = account_summary(work, account_name)
    if summary.administers:
        found, size = group_lists.of_account(work.tx, summary.owner.id, query)
    else:
        assert work.actor.id is not None
        found, size = group_lists.of_person(work.tx, summary.owner.id, work.actor.id, query)
    return [GroupSize(*each) for each in found], size


def people(work: UnitOfWork, account_name: str, query: ListQuery) -> tuple[list[Account], int]:
    """Return the part of an account's people that a query wants, by username, and how many pass its filter.

    These are the members of the account's groups, people who were given something there, and its owner.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return people_lists.in_account(work.tx, owner.id, query)


def members(
    work: UnitOfWork, account_name: str, slug: str, query: ListQuery
) -> tuple[list[tuple[Account, datetime | None]], int]:
    """Return the part of a group's members that a query wants, each with the end of the membership, by username.

    Also returns how many pass the filter.
    """
    _, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
    return people_lists.in_group(work.tx, group, query)


def people_of_site(work: UnitOfWork, query: ListQuery) -> tuple[list[Account], int]:
    """Return the part of all people that a query wants, by username; for site administrators."""
    access.site(work)
    return people_lists.of_site(work.tx, query)


def teams_of_site(work: UnitOfWork, query: ListQuery) -> tuple[list[Account], int]:
    """Return the part of all teams that a query wants, by username; for site administrators."""
    access.site(work)
    return people_lists.teams(work.tx, query)
