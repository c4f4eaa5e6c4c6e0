"""An account as its pages show it: what the actor is to it, its groups with how many are in each, its repositories."""

from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.repositories import Repository
from onebucket.store import accounts, groups, overviews, repositories, rosters


@dataclass(frozen=True, slots=True)
class Place:
    """An account, and whether the actor administers it."""

    owner: Account
    administers: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """A group, and how many are in it."""

    group: Group
    members: int


def place(work: Work, account_name: str) -> Place:
    """An account, for whoever may list its groups: administrators and everybody in it. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.LIST_GROUPS)
    return Place(owner, access.administers(work, owner))


def counted(work: Work, account_name: str) -> list[Counted]:
    """An account's groups by slug: all for an administrator, those he is in for a member (spec G2)."""
    there = place(work, account_name)
    if there.administers:
        found = groups.of_account(work.tx, there.owner.id)
    else:
        mine = rosters.gather(work.tx, account_id=there.owner.id, person_id=work.actor.id, members=False)
        found = [roster.group for roster in mine]
    counts = overviews.counts(work.tx, there.owner.id)
    return [Counted(group, counts.get(group.id, 0)) for group in found]


def repositories_of(work: Work, account_name: str) -> list[Repository]:
    """An account's repositories by slug, for whoever administers it."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return repositories.of_account(work.tx, owner.id)


def people(work: Work, account_name: str) -> list[Account]:
    """Everybody who is in a group of the account or was given something there, and its owner; by username."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return overviews.people(work.tx, owner.id)


def everybody(work: Work) -> list[Account]:
    """Every account of the site, people and teams, by username."""
    access.site(work)
    return accounts.everyone(work.tx)
