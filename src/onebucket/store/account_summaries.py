"""An account seen as a whole: how many are in each group, who its people are, and a part of what is set for groups."""

from collections.abc import Iterable

from sqlalchemy import bindparam, false, func, or_, select, true, union

from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.store import account_rows
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import Id, accounts, group_privileges, memberships, privileges

_COUNTS = Statement(
    select(memberships.c.group_id, func.count())
    .where(memberships.c.account_id == bindparam("account_id"))
    .group_by(memberships.c.group_id)
)
_among_them = union(
    select(memberships.c.person_id).where(memberships.c.account_id == bindparam("account_id")),
    select(privileges.c.person_id).where(privileges.c.account_id == bindparam("account_id")),
)
_theirs = select(*account_rows.COLUMNS).where(accounts.c.is_team == false()).order_by(accounts.c.username_key)
_its_own = or_(accounts.c.id == bindparam("account_id"), accounts.c.id.in_(_among_them))
_PEOPLE = Statement(_theirs.where(_its_own))
_PEOPLE_AND_SITE = Statement(_theirs.where(or_(_its_own, accounts.c.site_admin == true())))
_IN_THEM = Statement(
    _theirs.where(
        accounts.c.id.in_(
            select(memberships.c.person_id).where(
                memberships.c.account_id == bindparam("account_id"), memberships.c.group_id.in_(values_of("groups", Id))
            )
        )
    )
)
_CELLS = Statement(
    select(group_privileges.c.repository_id, group_privileges.c.group_id, group_privileges.c.level).where(
        group_privileges.c.account_id == bindparam("account_id"),
        group_privileges.c.repository_id.in_(values_of("repositories", Id)),
        group_privileges.c.group_id.in_(values_of("groups", Id)),
    )
)
_somewhere = union(
    select(memberships.c.account_id).where(memberships.c.person_id == bindparam("person_id")),
    select(privileges.c.account_id).where(privileges.c.person_id == bindparam("person_id")),
)
_WHERE = Statement(
    select(*account_rows.COLUMNS)
    .where(or_(accounts.c.id == bindparam("person_id"), accounts.c.id.in_(_somewhere)))
    .order_by(accounts.c.username_key)
)


def accounts_of_person(tx: Transaction, person_id: str) -> list[Account]:
    """The accounts in which a person is something: his own, those of his groups, and where something was given to him.

    By username.
    """
    return [account_rows.account(row) for row in tx.rows(_WHERE, person_id=person_id)]


def counts(tx: Transaction, account_id: str) -> dict[str, int]:
    """How many are in each group of an account, by the group's id; empty groups are left out."""
    return {row[0]: int(row[1]) for row in tx.rows(_COUNTS, account_id=account_id)}


def people(tx: Transaction, account_id: str, *, with_site: bool = False) -> list[Account]:
    """Everybody who is in a group of an account or was given something there, and its owner; by username.

    `with_site` adds those who run the site: they administer every account.
    """
    statement = _PEOPLE_AND_SITE if with_site else _PEOPLE
    return [account_rows.account(row) for row in tx.rows(statement, account_id=account_id)]


def members(tx: Transaction, account_id: str, groups: Iterable[str]) -> list[Account]:
    """Everybody who is in one of these groups, once; by username."""
    return [account_rows.account(row) for row in tx.rows(_IN_THEM, account_id=account_id, groups=groups)]


def cells(
    tx: Transaction, account_id: str, repositories: Iterable[str], groups: Iterable[str]
) -> dict[tuple[str, str], Level]:
    """What is set for some groups on some repositories, by the ids of repository and group."""
    where = {"repositories": repositories, "groups": groups}
    return {(row[0], row[1]): Level(row[2]) for row in tx.rows(_CELLS, account_id=account_id, **where)}
