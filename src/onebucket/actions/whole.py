"""Everything of an account at once, for whoever carries it elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Roster
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.repositories import Grants, Repository
from onebucket.store import accounts, invitations, privileges, repositories, rosters
from onebucket.store import addresses as address_rows
from onebucket.store.addresses import Email


@dataclass(frozen=True, slots=True)
class Whole:
    """An account and all that is its own; `grants` by repository slug."""

    account: Account
    emails: tuple[Email, ...]
    password_hash: str | None
    rosters: list[Roster]
    repositories: list[Repository]
    grants: Mapping[str, Grants]
    invitations: list[Invitation]


def everyone(work: Work) -> list[Account]:
    """Every person and every team, by username."""
    access.site(work)
    return accounts.everyone(work.tx)


def of(work: Work, name: str, *, owned: bool = True) -> Whole:
    """All there is of one account; where it doesn't matter what is `owned` by it, only the account itself."""
    account = access.account(work, name, to=To.RUN_SITE)
    return Whole(
        account=account,
        emails=tuple(address_rows.of_person(work.tx, account.id)),
        password_hash=accounts.password_hash(work.tx, account.id),
        rosters=rosters.gather(work.tx, account_id=account.id) if owned else [],
        repositories=repositories.of_account(work.tx, account.id) if owned else [],
        grants=privileges.grants(work.tx, account.id) if owned else {},
        invitations=invitations.of_account(work.tx, account.id) if owned else [],
    )
