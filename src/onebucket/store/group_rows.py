"""Groups and memberships in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, insert, select, update

from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import GroupExists
from onebucket.store.engine import timestamps
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.row_mapper import RowMapper, joined, mapped, named, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import groups, memberships

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


class Membership(NamedTuple):
    """When a user was added to a group, and when their membership ends, as the table holds both."""

    added_at: int
    ends_at: int | None

    @property
    def until(self) -> datetime | None:
        """When it ends."""
        return timestamps.optional_from_number(self.ends_at)


_MEMBERSHIP = named(Membership, memberships.c.added_at, memberships.c.ends_at)
_IS_MEMBER = Statement(
    select(*_MEMBERSHIP.columns).where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.person_id == bindparam("person_id"),
    ),
    _MEMBERSHIP,
    is_cached=True,
)


def member_query(group: Group, person_id: str) -> Query:
    """Return the query that `is_member` makes, for `Transaction.preload`."""
    return _IS_MEMBER, {"account_id": group.account_id, "group_id": group.id, "person_id": person_id}


def is_member(tx: Transaction, group: Group, person_id: str) -> bool:
    """Return True if the user is in the group."""
    return membership(tx, group, person_id) is not None


def membership(tx: Transaction, group: Group, person_id: str) -> Membership | None:
    """Return a user's membership of a group, if they have one."""
    statement, values = member_query(group, person_id)
    return tx.row(statement, **values)


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


def add_member(
    tx: Transaction, group: Group, person_id: str, *, by: str | None, at: datetime, until: datetime | None = None
) -> bool:
    """Add a user to a group; return False if they were a member already."""
    row = {"account_id": group.account_id, "group_id": group.id, "person_id": person_id}
    added_at, ends_at = timestamps.to_number(at), tx.noted_end(until)
    return tx.run(_ADD_MEMBER, **row, added_at=added_at, added_by=by, ends_at=ends_at) == 1


_SET_END = Statement(
    update(memberships)
    .where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.person_id == bindparam("member_id"),
    )
    .values(ends_at=bindparam("until"))
)


def set_end(tx: Transaction, group: Group, person_id: str, until: datetime | None) -> None:
    """Let a membership end at another time, or not at all."""
    ends_at = tx.noted_end(until)
    tx.run(_SET_END, account_id=group.account_id, group_id=group.id, member_id=person_id, until=ends_at)


def remove_member(tx: Transaction, group: Group, person_id: str) -> bool:
    """Remove a user from a group; return False if they weren't a member."""
    return tx.run(_REMOVE_MEMBER, account_id=group.account_id, group_id=group.id, person_id=person_id) == 1
