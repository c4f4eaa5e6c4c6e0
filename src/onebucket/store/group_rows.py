"""Groups and memberships in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, insert, or_, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import GroupExists
from onebucket.store import account_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.row_mapper import RowMapper, joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, groups, memberships

_LEVELS = {None: None} | {int(level): level for level in Level}
_ACCOUNT_PRIVILEGES = {None: None} | {privilege.value: privilege for privilege in AccountPrivilege}


def _group(row: Sequence[Any]) -> Group:
    account_id, id, name, slug, permission, auto_add, email_forwarding_disabled, account_privilege, directory_id = row
    level, privilege = _LEVELS[permission], _ACCOUNT_PRIVILEGES[account_privilege]
    return Group(
        account_id, id, name, slug, level, bool(auto_add), bool(email_forwarding_disabled), privilege, directory_id
    )


GROUP = RowMapper(
    (
        groups.c.account_id,
        groups.c.id,
        groups.c.name,
        groups.c.slug,
        groups.c.permission,
        groups.c.auto_add,
        groups.c.email_forwarding_disabled,
        groups.c.account_privilege,
        groups.c.directory_id,
    ),
    _group,
)

_groups = select(*GROUP.columns)
_OF_ACCOUNT = groups.c.account_id == bindparam("account_id")
_BY_SLUG = Statement(_groups.where(_OF_ACCOUNT, groups.c.slug == bindparam("slug")), GROUP, is_cached=True)
_ALL = Statement(_groups.where(_OF_ACCOUNT).order_by(groups.c.slug), GROUP)
_ACCOUNT_PRIVILEGE = joined(scalar(groups.c.slug, str), scalar(groups.c.account_privilege, AccountPrivilege))
_WITH_ACCOUNT_PRIVILEGE = Statement(
    select(*_ACCOUNT_PRIVILEGE.columns)
    .where(_OF_ACCOUNT, groups.c.account_privilege.is_not(None))
    .order_by(groups.c.slug),
    _ACCOUNT_PRIVILEGE,
)


def find(tx: Transaction, account_id: str, slug: str) -> Group | None:
    """Return the account's group with that slug; case counts."""
    return tx.row(_BY_SLUG, account_id=account_id, slug=slug)


def cache_found(tx: Transaction, account_id: str, slug: str, found: Group | None) -> None:
    """Cache what `find` returns."""
    tx.cache_row(_BY_SLUG, found, account_id=account_id, slug=slug)


def is_cached(tx: Transaction, account_id: str, slug: str) -> bool:
    """Return True if `find` needs no query."""
    return tx.has_cached(_BY_SLUG, account_id=account_id, slug=slug)


def of_account(tx: Transaction, account_id: str) -> list[Group]:
    """Return all groups of an account, sorted by slug."""
    return tx.rows(_ALL, account_id=account_id)


def account_privileges(tx: Transaction, account_id: str) -> dict[str, AccountPrivilege]:
    """Return the account privileges of an account's groups, by slug; groups without one are left out."""
    return dict(tx.rows(_WITH_ACCOUNT_PRIVILEGE, account_id=account_id))


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
_ANSWERS = mapped(
    _ADMINISTERS.exists(),
    _groups_of_person.exists(),
    _groups_of_person.where(memberships.c.group_id == bindparam("group_id")).exists(),
    make=lambda *answers: tuple(map(bool, answers)),
)
_STANDING = Statement(select(*_ANSWERS.columns), _ANSWERS, is_cached=True)


def membership_standing(
    tx: Transaction, account_id: str, person_id: str, group_id: str | None
) -> tuple[bool, bool, bool]:
    """Return whether a user is in a group that administers the account, in any of its groups, and in `group_id`."""
    standing = tx.row(_STANDING, account_id=account_id, person_id=person_id, group_id=group_id)
    assert standing is not None
    administers, in_account, in_group = standing
    return administers, in_account, in_group


def cache_standing(
    tx: Transaction, account_id: str, person_id: str, group_id: str | None, found: tuple[bool, bool, bool]
) -> None:
    """Cache what `membership_standing` returns."""
    tx.cache_row(_STANDING, found, account_id=account_id, person_id=person_id, group_id=group_id)


_people = accounts.alias("people")
_NUMBER = scalar(func.count(memberships.c.person_id.distinct()), int)
_ADMINISTRATOR = scalar(memberships.c.person_id, str)


def _of_active_administrators(mapper: RowMapper[Any]) -> Select[Any]:
    return (
        select(*mapper.columns)
        .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(_OF_ACCOUNT, groups.c.account_privilege == AccountPrivilege.ADMIN.value, accounts.c.is_active.is_(True))
    )


_active_administrators = _of_active_administrators(_NUMBER)
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


def administrators_without(
    tx: Transaction, account_id: str, *, group_id: str | None = None, person_id: str | None = None
) -> int:
    """Return how many active users would administer the account without that group, membership or user."""
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
    .where(groups.c.account_privilege == AccountPrivilege.ADMIN.value, _people.c.is_active.is_(True))
)
_WITHOUT_ADMINISTRATOR = Statement(
    select(*account_rows.ACCOUNT.columns)
    .where(accounts.c.is_team.is_(True), accounts.c.id.not_in(_administered_actively))
    .order_by(accounts.c.username_key),
    account_rows.ACCOUNT,
)


def teams_without_administrator(tx: Transaction) -> list[Account]:
    """Return the teams that no active user administers."""
    return tx.rows(_WITHOUT_ADMINISTRATOR)


_ADDED_AT = scalar(memberships.c.added_at, int)
_IS_MEMBER = Statement(
    select(*_ADDED_AT.columns).where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.person_id == bindparam("person_id"),
    ),
    _ADDED_AT,
    is_cached=True,
)


def member_query(group: Group, person_id: str) -> Query:
    """Return the query that `is_member` makes, for `Transaction.preload`."""
    return _IS_MEMBER, {"account_id": group.account_id, "group_id": group.id, "person_id": person_id}


def is_member(tx: Transaction, group: Group, person_id: str) -> bool:
    """Return True if the user is in the group."""
    statement, values = member_query(group, person_id)
    return tx.row(statement, **values) is not None


# -- changes ---------------------------------------------------------------------------------------

_ADD = Statement(insert(groups))
_CHANGED = [column.name for column in GROUP.columns if not column.primary_key]
_CHANGE = Statement(
    update(groups)
    .where(_OF_ACCOUNT, groups.c.id == bindparam("group_id"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGED})
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
        "directory_id": group.directory_id,
    }


def add(tx: Transaction, group: Group, *, at: datetime) -> None:
    """Store a new group. Raises GroupExists when the account has one with that slug."""
    if tx.row(_BY_SLUG, account_id=group.account_id, slug=group.slug):
        raise GroupExists(f"the account has a group with the slug {group.slug!r} already")
    unset = dict.fromkeys(("external_id", "directory_changed_at", "kept_by_sign_in"))
    columns = {"account_id": group.account_id, "id": group.id, **_columns(group), **unset}
    tx.run(_ADD, created_at=timestamps.to_number(at), **columns)


def change(tx: Transaction, group: Group) -> None:
    """Update a group. Raises GroupExists when another group has its new slug."""
    if (other := find(tx, group.account_id, group.slug)) and other.id != group.id:
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
