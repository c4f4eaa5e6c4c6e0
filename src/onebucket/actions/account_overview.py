"""Queries for an account's pages: the actor's role, groups with member counts, repositories and people."""

from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden
from onebucket.store import account_rows, account_summaries, group_members


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


def people(work: UnitOfWork, account_name: str) -> list[Account]:
    """List the members of the account's groups, people who were given something there, and its owner; by username."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return account_summaries.people(work.tx, owner.id)


def everybody(work: UnitOfWork) -> list[Account]:
    """List every account of the site, people and teams, by username; for site administrators."""
    access.site(work)
    return account_rows.all_people(work.tx)
