"""What ends at a moment, in the database: memberships, levels on repositories and projects, and invitations."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    literal,
    literal_column,
    select,
    union_all,
)

from onebucket.domain.ends import EndKind
from onebucket.domain.groups import Group
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    Id,
    accounts,
    group_privileges,
    groups,
    invitations,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
    projects,
    repositories,
)


class AccessEnd(NamedTuple):
    """Access that ends: of a group (a slug) or a person (an id), in a place.

    `place` is the slug of a group or a repository, or the key of a project; `level` is None for a membership.
    `granted_by` is a username.
    """

    kind: EndKind
    account_id: str
    place_id: str
    place: str
    group: str | None
    person_id: str | None
    level: int | None
    ends_at: int
    granted_by: str | None

    @property
    def until(self) -> datetime:
        """When it ends."""
        return timestamps.from_number(self.ends_at)


_granter = accounts.alias("granter")
_PLACES: Mapping[EndKind, tuple[Table, Table, str, ColumnElement[Any]]] = {
    EndKind.MEMBERSHIP: (memberships, groups, "group_id", groups.c.slug),
    EndKind.GROUP_PRIVILEGE: (group_privileges, repositories, "repository_id", repositories.c.slug),
    EndKind.PRIVILEGE: (privileges, repositories, "repository_id", repositories.c.slug),
    EndKind.PROJECT_GROUP_PRIVILEGE: (project_group_privileges, projects, "project_id", projects.c.key),
    EndKind.PROJECT_PRIVILEGE: (project_privileges, projects, "project_id", projects.c.key),
}


def _source(kind: EndKind) -> tuple[Table, ColumnElement[Any], ColumnElement[Any], FromClause, bool]:
    """Return a kind's table, the id and the name of the place, what to select from, and whether groups have it."""
    table, places, place_column, name = _PLACES[kind]
    place_id = table.c[place_column]
    is_for_group = "group_id" in table.c and kind is not EndKind.MEMBERSHIP
    source: FromClause = table.join(places, and_(places.c.account_id == table.c.account_id, places.c.id == place_id))
    if is_for_group:
        source = source.join(groups, and_(groups.c.account_id == table.c.account_id, groups.c.id == table.c.group_id))
    return table, place_id, name, source, is_for_group


def _ends(kind: EndKind, *condition: ColumnElement[bool]) -> Statement[AccessEnd]:
    table, place_id, name, source, is_for_group = _source(kind)
    nothing: ColumnElement[Any] = literal_column("NULL")
    columns = (
        table.c.account_id,
        place_id,
        name,
        groups.c.slug if is_for_group else nothing,
        nothing if is_for_group else table.c.person_id,
        table.c.level if "level" in table.c else nothing,
        table.c.ends_at,
        _granter.c.username,
    )
    by = table.c.added_by if kind is EndKind.MEMBERSHIP else table.c.granted_by
    query = (
        select(*columns)
        .select_from(source.outerjoin(_granter, _granter.c.id == by))
        .where(table.c.ends_at.is_not(None), *condition)
        .order_by(table.c.ends_at, table.c.account_id, place_id)
    )
    return Statement(query, RowMapper(columns, lambda row: AccessEnd(kind, *row)))


_OF_ACCOUNT = {kind: _ends(kind, _PLACES[kind][0].c.account_id == bindparam("account_id")) for kind in EndKind}
_DUE = {kind: _ends(kind, _PLACES[kind][0].c.ends_at <= bindparam("at")) for kind in EndKind}
_DUE_INVITATIONS = Statement(
    select(invitations.c.id)
    .where(invitations.c.ends_at.is_not(None), invitations.c.ends_at <= bindparam("at"))
    .order_by(invitations.c.ends_at, invitations.c.id),
    scalar(invitations.c.id),
)


def due(tx: Transaction, at: datetime) -> list[AccessEnd]:
    """Return the access that has ended at a moment, in the order of the ends."""
    number = timestamps.to_number(at)
    found = [each for kind in EndKind for each in tx.rows(_DUE[kind], at=number)]
    return sorted(found, key=lambda each: each.ends_at)


def of_account(tx: Transaction, account_id: str) -> list[AccessEnd]:
    """Return everything in an account that ends, except invitations."""
    return [each for kind in EndKind for each in tx.rows(_OF_ACCOUNT[kind], account_id=account_id)]


def due_invitations(tx: Transaction, at: datetime) -> list[str]:
    """Return the ids of the invitations whose access would have ended at a moment."""
    return tx.rows(_DUE_INVITATIONS, at=timestamps.to_number(at))


_OF_MEMBERS = Statement(
    select(memberships.c.person_id, memberships.c.ends_at).where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.ends_at.is_not(None),
    )
)


def of_members(tx: Transaction, group: Group) -> dict[str, datetime]:
    """Return when memberships of a group end, by the person's id."""
    rows = tx.rows(_OF_MEMBERS, account_id=group.account_id, group_id=group.id)
    return {person_id: timestamps.from_number(ends_at) for person_id, ends_at in rows}


def _of_account(table: Table, holder: str) -> Statement[Any]:
    place_id = table.c.project_id if "project_id" in table.c else table.c.repository_id
    return Statement(
        select(place_id, table.c[holder], table.c.ends_at).where(
            table.c.account_id == bindparam("account_id"), table.c.ends_at.is_not(None)
        )
    )


_OF_LEVELS = {
    EndKind.GROUP_PRIVILEGE: _of_account(group_privileges, "group_id"),
    EndKind.PRIVILEGE: _of_account(privileges, "person_id"),
    EndKind.PROJECT_GROUP_PRIVILEGE: _of_account(project_group_privileges, "group_id"),
    EndKind.PROJECT_PRIVILEGE: _of_account(project_privileges, "person_id"),
}


def of_levels(tx: Transaction, account_id: str, kind: EndKind) -> dict[tuple[str, str], datetime]:
    """Return when levels of an account end, by the ids of the place and of whoever has it."""
    rows = tx.rows(_OF_LEVELS[kind], account_id=account_id)
    return {(place_id, holder_id): timestamps.from_number(ends_at) for place_id, holder_id, ends_at in rows}


class EndingSoon(NamedTuple):
    """Access that ends soon, in words: of a group (a slug) or a person (a username), in a place."""

    kind: EndKind
    account_id: str
    place: str
    holder: str
    until: datetime


_holder = accounts.alias("holder")
_accounts = values_of("accounts", Id)


def _soon(kind: EndKind) -> Select[Any]:
    table, _, name, source, is_for_group = _source(kind)
    holder = groups.c.slug if is_for_group else _holder.c.username
    if not is_for_group:
        source = source.join(_holder, _holder.c.id == table.c.person_id)
    columns = (table.c.account_id, name.label("place"), holder.label("holder"), table.c.ends_at)
    return (
        select(literal(kind.value, Text).label("kind"), *columns)
        .select_from(source)
        .where(table.c.ends_at.is_not(None), table.c.ends_at <= bindparam("before"), table.c.account_id.in_(_accounts))
    )


_all_soon = union_all(*map(_soon, EndKind)).subquery("soon")
_soon_columns = (_all_soon.c.kind, _all_soon.c.account_id, _all_soon.c.place, _all_soon.c.holder, _all_soon.c.ends_at)
_ENDING = mapped(
    *_soon_columns,
    make=lambda kind, account_id, place, holder, ends_at: EndingSoon(
        EndKind(kind), account_id, place, holder, timestamps.from_number(ends_at)
    ),
)
_SOON = Statement(
    select(*_soon_columns)
    .order_by(_all_soon.c.ends_at, _all_soon.c.place, _all_soon.c.holder)
    .limit(bindparam("most")),
    _ENDING,
)


def soon(tx: Transaction, account_ids: Iterable[str], *, before: datetime, most: int) -> list[EndingSoon]:
    """Return the access in these accounts that ends before a moment, the first first; invitations are left out."""
    return tx.rows(_SOON, accounts=account_ids, before=timestamps.to_number(before), most=most)
