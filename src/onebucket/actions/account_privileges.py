"""What groups may do with the account that owns them, as 1.0 asks for it: a group is named with its owner."""

from onebucket.actions import access, groups
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.store import group_rows


def of_account(work: UnitOfWork, account_name: str) -> tuple[Account, dict[str, AccountPrivilege]]:
    """Return the account, and the account privileges of its groups by slug."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return owner, group_rows.account_privileges(work.tx, owner.id)


def of_group(work: UnitOfWork, account_name: str, group_owner: str, slug: str) -> tuple[Account, AccountPrivilege]:
    """Return the account and one group's privilege on it. Raises NotFound when the group has none."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    group = access.group_of(work, owner, group_owner, slug)
    if group.account_privilege is None:
        raise NotFound(f"{group.slug} has no privilege on the account")
    return owner, group.account_privilege


def set_for_group(
    work: UnitOfWork, account_name: str, group_owner: str, slug: str, privilege: AccountPrivilege | None
) -> Account:
    """Set the account privilege of a group that is named with its owner; return the account.

    Raises NotFound, NoSuchGroup, LastAdministrator.
    """
    owner = access.account(work, account_name, to=To.SET_ACCOUNT_PRIVILEGE)
    access.group_of(work, owner, group_owner, slug)
    groups.set_account_privilege(work, owner.id, slug, privilege)
    return owner


def end_for_group(work: UnitOfWork, account_name: str, group_owner: str, slug: str) -> None:
    """Revoke the account privilege of a group that is named with its owner.

    Raises NotFound when the group has none, NoSuchGroup, LastAdministrator.
    """
    of_group(work, account_name, group_owner, slug)
    set_for_group(work, account_name, group_owner, slug, None)
