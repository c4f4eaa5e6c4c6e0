"""The actor's own access: their groups, and every repository on which they have a level."""

from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import GroupWithMembers, is_administrator
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import Forbidden
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_summaries, group_members


@dataclass(frozen=True, slots=True)
class RepositoryAccess:
    """A repository on which a person has a level, and the reason that decides: all of them may be as many as groups."""

    repository: Repository
    way: Reason

    @property
    def level(self) -> Level:
        """The person's level."""
        return self.way.level


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """A person's role, groups and access in one account, on repositories on which they have a level."""

    owner: Account
    administers: bool
    groups: tuple[GroupWithMembers, ...]
    repositories: tuple[RepositoryAccess, ...]


def access_by_account(work: UnitOfWork) -> list[AccountAccess]:
    """Return the actor's access in each account that they have a part in, their own first.

    Takes one query for each account with repositories. Leaves out accounts where they have access only as a site
    administrator or through public repositories. Raises Forbidden when the caller is anonymous.
    """
    if work.actor.account is None:
        raise Forbidden("sign in first")
    person = access.account(work, work.actor.account.id, to=To.CHANGE_PERSON)

    groups: dict[str, list[GroupWithMembers]] = {}
    for roster in group_members.groups_of_person(work.tx, person.id):
        groups.setdefault(roster.owner.id, []).append(roster)
    accounts = account_summaries.accounts_with_repositories(work.tx, person.id)
    return [
        AccountAccess(
            owner,
            is_administrator(person, owner, [each.group for each in groups.get(owner.id, ())]),
            tuple(groups.get(owner.id, ())),
            _levels(work, person, owner, repositories),
        )
        for owner, repositories in sorted(accounts.items(), key=lambda found: found[0].id != person.id)
    ]


def _levels(
    work: UnitOfWork, person: Account, owner: Account, repositories: list[Repository]
) -> tuple[RepositoryAccess, ...]:
    if not repositories:
        return ()
    inputs = access_inputs.load(work.tx, owner, repositories, [person])
    return tuple(RepositoryAccess(each, ways[0]) for each in repositories if (ways := inputs.ways(person, each)))
