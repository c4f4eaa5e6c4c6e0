"""An account as its pages show it: what the actor is to it, its groups with how many are in each, its repositories."""

from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.repositories import Repository
from onebucket.store import account_rows, account_summaries, group_members, group_rows, repository_rows


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """An account, and whether the actor administers it."""

    owner: Account
    administers: bool


@dataclass(frozen=True, slots=True)
class GroupSize:
    """A group, and how many are in it."""

    group: Group
    members: int


def account_summary(work: UnitOfWork, account_name: str) -> AccountSummary:
    """An account, for whoever may list its groups: administrators and everybody in it. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.LIST_GROUPS)
    return AccountSummary(owner, access.administers(work, owner))


def account_settings(work: UnitOfWork, account_name: str) -> AccountSummary:
    """An account, for whoever may say what it is called. Raises NotFound, Forbidden."""
    return AccountSummary(access.account(work, account_name, to=To.CHANGE_ACCOUNT), True)


def group_sizes(work: UnitOfWork, account_name: str) -> list[GroupSize]:
    """An account's groups by slug: all for an administrator, those he is in for a member (contract/api-1.0.md#g2)."""
    there = account_summary(work, account_name)
    if there.administers:
        found = group_rows.of_account(work.tx, there.owner.id)
    else:
        mine = group_members.load_groups(work.tx, account_id=there.owner.id, person_id=work.actor.id, members=False)
        found = [roster.group for roster in mine]
    counts = account_summaries.counts(work.tx, there.owner.id)
    return [GroupSize(group, counts.get(group.id, 0)) for group in found]


def repositories_of(work: UnitOfWork, account_name: str) -> list[Repository]:
    """An account's repositories by slug, for whoever administers it."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return repository_rows.of_account(work.tx, owner.id)


def people(work: UnitOfWork, account_name: str) -> list[Account]:
    """Everybody who is in a group of the account or was given something there, and its owner; by username."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return account_summaries.people(work.tx, owner.id)


def everybody(work: UnitOfWork) -> list[Account]:
    """Every account of the site, people and teams, by username."""
    access.site(work)
    return account_rows.all_people(work.tx)
