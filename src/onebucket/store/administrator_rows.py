"""Who administers accounts through groups, in the database."""

from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.store import account_rows
from onebucket.store.engine.row_mapper import RowMapper, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, groups, memberships

_OF_ACCOUNT = groups.c.account_id == bindparam("account_id")
_people = accounts.alias("people")
_NUMBER = scalar(func.count(memberships.c.person_id.distinct()), int)
_ADMINISTRATOR = scalar(memberships.c.person_id, str)
_ACTIVE_SITE_ADMINS = Statement(
    select(accounts.c.id).where(accounts.c.site_admin, accounts.c.is_active).order_by(accounts.c.username_key),
    scalar(accounts.c.id, str),
)


def active_site_administrators(tx: Transaction) -> list[str]:
    """Return the ids of the active site administrators, by username."""
    return tx.rows(_ACTIVE_SITE_ADMINS)


def _of_active_administrators(mapper: RowMapper[Any]) -> Select[Any]:
    return (
        select(*mapper.columns)
        .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(_OF_ACCOUNT, groups.c.account_privilege == AccountPrivilege.ADMIN.value, accounts.c.is_active.is_(True))
    )


# Whoever administers it only until a date isn't the one that a team must have.
_active_administrators = _of_active_administrators(_NUMBER).where(memberships.c.ends_at.is_(None))
_ADMINISTRATORS = Statement(_of_active_administrators(_ADMINISTRATOR).order_by(memberships.c.person_id), _ADMINISTRATOR)
_WITHOUT_GROUP = Statement(_active_administrators.where(groups.c.id != bindparam("group_id")), _NUMBER)
_WITHOUT_MEMBER = Statement(
    _active_administrators.where(
        or_(groups.c.id != bindparam("group_id"), memberships.c.person_id != bindparam("person_id"))
    ),
    _NUMBER,
)
_WITHOUT_PERSON = Statement(_active_administrators.where(memberships.c.person_id != bindparam("person_id")), _NUMBER)


def active_administrators(tx: Transaction, account_id: str) -> list[str]:
    """Return the ids of the active users who administer an account through a group; a user once for each group."""
    return tx.rows(_ADMINISTRATORS, account_id=account_id)


def people_in_charge(tx: Transaction, owner: Account) -> list[str]:
    """Return the ids of those who answer for an account, each once: a team's active administrators, or its owner."""
    return [*dict.fromkeys(active_administrators(tx, owner.id))] if owner.is_team else [owner.id]


def administrators_without(
    tx: Transaction, account_id: str, *, group_id: str | None = None, person_id: str | None = None
) -> int:
    """Return how many active users would administer the account without that group, membership or user.

    Those whose membership ends don't count.
    """
    if group_id and person_id:
        number = tx.row(_WITHOUT_MEMBER, account_id=account_id, group_id=group_id, person_id=person_id)
    elif group_id:
        number = tx.row(_WITHOUT_GROUP, account_id=account_id, group_id=group_id)
    else:
        number = tx.row(_WITHOUT_PERSON, account_id=account_id, person_id=person_id)
    assert number is not None
    return number


_administered_actively = (
    select(groups.c.account_id)
    .join(memberships, and_(memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id))
    .join(_people, _people.c.id == memberships.c.person_id)
    .where(
        groups.c.account_privilege == AccountPrivilege.ADMIN.value,
        _people.c.is_active.is_(True),
        memberships.c.ends_at.is_(None),
    )
)
_WITHOUT_ADMINISTRATOR = Statement(
    select(*account_rows.ACCOUNT.columns)
    .where(accounts.c.is_team.is_(True), accounts.c.id.not_in(_administered_actively))
    .order_by(accounts.c.username_key),
    account_rows.ACCOUNT,
)


def teams_without_administrator(tx: Transaction) -> list[Account]:
    """Return the teams that no active user administers without an end."""
    return tx.rows(_WITHOUT_ADMINISTRATOR)


_ADMINISTERED = scalar(groups.c.account_id)
_ADMINISTERED_ELSEWHERE = Statement(
    select(*_ADMINISTERED.columns)
    .join(memberships, and_(memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id))
    .where(
        memberships.c.person_id == bindparam("person_id"),
        groups.c.account_privilege == AccountPrivilege.ADMIN.value,
        groups.c.account_id != bindparam("person_id"),
    )
    .limit(1),
    _ADMINISTERED,
)


def administers_other_account(tx: Transaction, person_id: str) -> bool:
    """Return whether a user is in a group that administers an account other than their own."""
    return tx.row(_ADMINISTERED_ELSEWHERE, person_id=person_id) is not None
