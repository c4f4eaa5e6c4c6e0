"""Groups with their owners and members: never a query for each group."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, or_, select, union

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group, Roster
from onebucket.store import accounts as account_rows
from onebucket.store import groups as group_rows
from onebucket.store.database import Row, Statement, Transaction
from onebucket.store.tables import accounts, group_privileges, groups, memberships

_theirs = memberships.c.person_id == bindparam("person_id")
_administering = groups.alias("administering")
_administered = (
    select(_administering.c.account_id)
    .join(
        memberships,
        and_(memberships.c.account_id == _administering.c.account_id, memberships.c.group_id == _administering.c.id),
    )
    .where(_theirs, _administering.c.account_privilege == AccountPrivilege.ADMIN.value)
)
_within = groups.alias("within")
_reached = union(
    select(_within.c.account_id, _within.c.id).where(_within.c.account_id == bindparam("person_id")),
    select(_within.c.account_id, _within.c.id).where(_within.c.account_id.in_(_administered)),
    select(memberships.c.account_id, memberships.c.group_id).where(_theirs),
).subquery("reached")
_ENTERED = memberships.join(
    groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)
)
_REACHED = _reached.join(groups, and_(groups.c.account_id == _reached.c.account_id, groups.c.id == _reached.c.id))


def _groups_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement:
    return Statement(
        select(*group_rows.COLUMNS, *account_rows.COLUMNS)
        .select_from(source)
        .join(accounts, accounts.c.id == groups.c.account_id)
        .where(*condition)
        .order_by(groups.c.slug, accounts.c.username_key)
    )


def _members_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement:
    return Statement(
        select(memberships.c.group_id, *account_rows.COLUMNS)
        .select_from(source)
        .join(memberships, and_(memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id))
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(*condition)
        .order_by(memberships.c.added_at, memberships.c.person_id)
    )


# Which groups, as the pair of statements that reads them and their members: never a query for each group.
_of_account = groups.c.account_id == bindparam("account_id")
_my_groups = select(memberships.c.group_id).where(memberships.c.account_id == bindparam("account_id"), _theirs)
_set_there = select(group_privileges.c.group_id).where(
    group_privileges.c.account_id == bindparam("account_id"),
    group_privileges.c.repository_id == bindparam("repository_id"),
)
_SELECTIONS: dict[str, tuple[Any, ...]] = {
    "account": (groups, _of_account),
    "account, person": (groups, _of_account, groups.c.id.in_(_my_groups)),
    "account, repository": (groups, _of_account, or_(groups.c.permission.is_not(None), groups.c.id.in_(_set_there))),
    "person": (_REACHED,),
    "member": (_ENTERED, _theirs),
    "all": (groups,),
}
_GROUPS = {name: _groups_from(*selection) for name, selection in _SELECTIONS.items()}
_MEMBERS = {name: _members_from(*selection) for name, selection in _SELECTIONS.items() if name != "member"}
_MEMBERS_OF_ONE = _members_from(groups, _of_account, groups.c.id == bindparam("group_id"))


def gather(
    tx: Transaction,
    *,
    account_id: str | None = None,
    person_id: str | None = None,
    repository_id: str | None = None,
    members: bool = True,
) -> list[Roster]:
    """The groups of an account, of a person in an account, that a person administers or is in, or all there are.

    With `repository_id`, those of the account that may have something on that repository. By slug, then username of
    the owner (spec 1.6). Without `members`, nobody's membership is read.
    """
    given = {"account": account_id, "person": person_id, "repository": repository_id}
    selection = ", ".join(name for name, id in given.items() if id) or "all"
    which = {f"{name}_id": id for name, id in given.items() if id}

    gathered: dict[str, list[Account]] | None = None
    if members:
        gathered = {}
        met: dict[str, Account] = {}
        for row in tx.rows(_MEMBERS[selection], **which):
            person = met.get(row[1])
            if person is None:
                person = met[row[1]] = account_rows.account(row[1:])
            gathered.setdefault(row[0], []).append(person)

    return _rosters(tx.rows(_GROUPS[selection], **which), gathered)


def entered(tx: Transaction, person_id: str) -> list[Roster]:
    """The groups that a person is in, without their members."""
    return _rosters(tx.rows(_GROUPS["member"], person_id=person_id), None)


def _rosters(rows: list[Row], gathered: Mapping[str, list[Account]] | None) -> list[Roster]:
    owners: dict[str, Account] = {}
    found = []
    for row in rows:
        owner = owners.get(row[0]) or owners.setdefault(row[0], account_rows.account(row[8:]))
        found.append(
            Roster(group_rows.group(row), owner, tuple(gathered.get(row[1], ())) if gathered is not None else None)
        )
    return found


def members(tx: Transaction, group: Group) -> tuple[Account, ...]:
    """The members of one group, in the order they were added."""
    rows = tx.rows(_MEMBERS_OF_ONE, account_id=group.account_id, group_id=group.id)
    return tuple(account_rows.account(row[1:]) for row in rows)
