"""Groups and memberships in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import GroupExists
from onebucket.store import account_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import accounts, groups, memberships

COLUMNS = (
    groups.c.account_id,
    groups.c.id,
    groups.c.name,
    groups.c.slug,
    groups.c.permission,
    groups.c.auto_add,
    groups.c.email_forwarding_disabled,
    groups.c.account_privilege,
)
_LEVELS = {None: None} | {int(level): level for level in Level}
_ACCOUNT_PRIVILEGES = {None: None} | {privilege.value: privilege for privilege in AccountPrivilege}


def group(row: Row) -> Group:
    """Return the group in the first eight columns of a row."""
    return Group(
        row[0], row[1], row[2], row[3], _LEVELS[row[4]], bool(row[5]), bool(row[6]), _ACCOUNT_PRIVILEGES[row[7]]
    )


_OF_ACCOUNT = groups.c.account_id == bindparam("account_id")
_BY_SLUG = Statement(select(*COLUMNS).where(_OF_ACCOUNT, groups.c.slug == bindparam("slug")))
_ALL = Statement(select(*COLUMNS).where(_OF_ACCOUNT).order_by(groups.c.slug))


def find(tx: Transaction, account_id: str, slug: str) -> Group | None:
    """Return the account's group with that slug; case counts."""
    return tx.cached_row(_BY_SLUG, group, account_id=account_id, slug=slug)


def of_account(tx: Transaction, account_id: str) -> list[Group]:
    """Return all groups of an account, sorted by slug."""
    return [group(row) for row in tx.rows(_ALL, account_id=account_id)]


# -- memberships and administrators ----------------------------------------------------------------

_memberships_of_person = and_(
    memberships.c.account_id == bindparam("account_id"), memberships.c.person_id == bindparam("person_id")
)
_groups_of_person = select(memberships.c.group_id).where(_memberships_of_person)
_ADMINISTERS = _groups_of_person.where(
    groups.c.account_id == memberships.c.account_id,
    groups.c.id == memberships.c.group_id,
    groups.c.account_privilege == AccountPrivilege.ADMIN.value,
)
_STANDING = Statement(
    select(
        _ADMINISTERS.exists(),
        _groups_of_person.exists(),
        _groups_of_person.where(memberships.c.group_id == bindparam("group_id")).exists(),
    )
)


def membership_standing(
    tx: Transaction, account_id: str, person_id: str, group_id: str | None
) -> tuple[bool, bool, bool]:
    """Return whether a user is in a group that administers the account, in any of its groups, and in `group_id`."""
    standing = tx.cached_row(_STANDING, _standing, account_id=account_id, person_id=person_id, group_id=group_id)
    assert standing is not None
    return standing


def _standing(row: Row) -> tuple[bool, bool, bool]:
    return bool(row[0]), bool(row[1]), bool(row[2])


_people = accounts.alias("people")
_active_administrators = (
    select(func.count(memberships.c.person_id.distinct()))
    .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
    .join(accounts, accounts.c.id == memberships.c.person_id)
    .where(_OF_ACCOUNT, groups.c.account_privilege == AccountPrivilege.ADMIN.value, accounts.c.is_active.is_(True))
)
_WITHOUT_GROUP = Statement(_active_administrators.where(groups.c.id != bindparam("group_id")))
_WITHOUT_MEMBER = Statement(
    _active_administrators.where(
        or_(groups.c.id != bindparam("group_id"), memberships.c.person_id != bindparam("person_id"))
    )
)
_WITHOUT_PERSON = Statement(_active_administrators.where(memberships.c.person_id != bindparam("person_id")))


def administrators_without(
    tx: Transaction, account_id: str, *, group_id: str | None = None, person_id: str | None = None
) -> int:
    """Return how many active users would administer the account without that group, membership or user."""
    if group_id and person_id:
        row = tx.row(_WITHOUT_MEMBER, account_id=account_id, group_id=group_id, person_id=person_id)
    elif group_id:
        row = tx.row(_WITHOUT_GROUP, account_id=account_id, group_id=group_id)
    else:
        row = tx.row(_WITHOUT_PERSON, account_id=account_id, person_id=person_id)
    assert row is not None
    return int(row[0])


_administered_actively = (
    select(groups.c.account_id)
    .join(memberships, and_(memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id))
    .join(_people, _people.c.id == memberships.c.person_id)
    .where(groups.c.account_privilege == AccountPrivilege.ADMIN.value, _people.c.is_active.is_(True))
)
_WITHOUT_ADMINISTRATOR = Statement(
    select(*account_rows.COLUMNS)
    .where(accounts.c.is_team.is_(True), accounts.c.id.not_in(_administered_actively))
    .order_by(accounts.c.username_key)
)


def teams_without_administrator(tx: Transaction) -> list[Account]:
    """Return the teams that no active user administers."""
    return [account_rows.account(row) for row in tx.rows(_WITHOUT_ADMINISTRATOR)]


_IS_MEMBER = Statement(
    select(memberships.c.added_at).where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.person_id == bindparam("person_id"),
    )
)


def is_member(tx: Transaction, group: Group, person_id: str) -> bool:
    """Return True if the user is in the group."""
    return tx.row(_IS_MEMBER, account_id=group.account_id, group_id=group.id, person_id=person_id) is not None


# -- changes ---------------------------------------------------------------------------------------

_ADD = Statement(insert(groups))
_CHANGE = Statement(
    update(groups)
    .where(_OF_ACCOUNT, groups.c.id == bindparam("group_id"))
    .values({column.name: bindparam(f"new_{column.name}") for column in COLUMNS[2:]})
)
_DELETE = Statement(delete(groups).where(_OF_ACCOUNT, groups.c.id == bindparam("group_id")))
_ADD_MEMBER = Statement(lambda insert: insert(memberships).on_conflict_do_nothing())
_REMOVE_MEMBER = Statement(
    delete(memberships).where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.person_id == bindparam("person_id"),
    )
)
_REMOVE_MEMBERS = Statement(
    delete(memberships).where(
        memberships.c.account_id == bindparam("account_id"), memberships.c.group_id == bindparam("group_id")
    )
)


def _columns(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "slug": group.slug,
        "permission": None if group.permission is None else int(group.permission),
        "auto_add": group.auto_add,
        "email_forwarding_disabled": group.email_forwarding_disabled,
        "account_privilege": group.account_privilege.value if group.account_privilege else None,
    }


def add(tx: Transaction, group: Group, *, at: datetime) -> None:
    """Store a new group. Raises GroupExists when the account has one with that slug."""
    if tx.row(_BY_SLUG, account_id=group.account_id, slug=group.slug):
        raise GroupExists(f"the account has a group with the slug {group.slug!r} already")
    tx.run(_ADD, account_id=group.account_id, id=group.id, created_at=timestamps.to_number(at), **_columns(group))


def change(tx: Transaction, group: Group) -> None:
    """Update a group. Raises GroupExists when another group has its new slug."""
    other = find(tx, group.account_id, group.slug)
    if other and other.id != group.id:
        raise GroupExists(f"the account has a group with the slug {group.slug!r} already")
    columns = {f"new_{name}": value for name, value in _columns(group).items()}
    tx.run(_CHANGE, account_id=group.account_id, group_id=group.id, **columns)


def delete_group(tx: Transaction, group: Group) -> None:
    """Delete a group and its memberships; everything else that refers to it must be gone already."""
    tx.run(_REMOVE_MEMBERS, account_id=group.account_id, group_id=group.id)
    tx.run(_DELETE, account_id=group.account_id, group_id=group.id)


def add_member(tx: Transaction, group: Group, person_id: str, *, by: str | None, at: datetime) -> bool:
    """Add a user to a group; return False if they were a member already."""
    row = {"account_id": group.account_id, "group_id": group.id, "person_id": person_id}
    return tx.run(_ADD_MEMBER, **row, added_at=timestamps.to_number(at), added_by=by) == 1


def remove_member(tx: Transaction, group: Group, person_id: str) -> bool:
    """Remove a user from a group; return False if they weren't a member."""
    return tx.run(_REMOVE_MEMBER, account_id=group.account_id, group_id=group.id, person_id=person_id) == 1
