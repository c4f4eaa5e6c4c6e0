"""Groups of an account with the number of their members: filtered, sorted and read page by page, by slug."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select

from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import Group
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.tables import Id, groups, memberships

# A group and the number of its members.
SizedGroup = tuple[Group, int]

_account_id = bindparam("account_id", type_=Id)
_size = (
    select(func.count())
    .where(memberships.c.account_id == _account_id, memberships.c.group_id == groups.c.id)
    .correlate(groups)
    .scalar_subquery()
)
_own = select(memberships.c.group_id).where(
    memberships.c.account_id == _account_id, memberships.c.person_id == bindparam("person_id", type_=Id)
)
_LISTED = joined(GROUP, scalar(_size, int))
_COLUMNS: dict[str, ColumnElement[Any]] = {
    "slug": groups.c.slug,
    "name": groups.c.name,
    "folded name": func.lower(groups.c.name),
    "level": func.coalesce(groups.c.permission, 0),
    "members": _size,
}


def _groups(*condition: ColumnElement[bool]) -> FilteredSelect[SizedGroup]:
    found = select(groups.c.id).where(groups.c.account_id == _account_id, *condition)
    query = found.with_only_columns(*_LISTED.columns)
    return FilteredSelect(query, _LISTED, _COLUMNS, unique=(groups.c.slug,), counted=found)


_ALL, _OWN = _groups(), _groups(groups.c.id.in_(_own))


def of_account(tx: Transaction, account_id: str, query: ListQuery) -> tuple[list[SizedGroup], int]:
    """Return the part of an account's groups that a query wants, and how many pass its filter."""
    return _ALL.read(tx, query, account_id=account_id)


def of_person(
    tx: Transaction, account_id: str, person_id: str, query: ListQuery
) -> tuple[list[tuple[Group, int]], int]:
    """Like `of_account`, of those groups that a person is in."""
    return _OWN.read(tx, query, account_id=account_id, person_id=person_id)
