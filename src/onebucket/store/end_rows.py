"""What ends at a moment, in the database: memberships, levels on repositories and projects, and invitations."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    SmallInteger,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    literal,
    null,
    select,
    union_all,
)

from onebucket.domain.ends import EndKind
from onebucket.domain.groups import Group
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import mapped, scalar
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
    """Access that ends: of a group (a slug) or a person (an id and a username), in a place.

    `place` is the slug of a group or a repository, or the key of a project; `level` is None for a membership.
    `granted_by` is a username.
    """

    kind: EndKind
    account_id: str
    place_id: str
    place: str
    group: str | None
    person_id: str | None
    person: str | None
    level: int | None
    ends_at: int
    granted_by_id: str | None
    granted_by: str | None

    @property
    def until(self) -> datetime:
        """When it ends."""
        return timestamps.from_number(self.ends_at)

    @property
    def holder(self) -> str:
        """The group's slug, or the person's username."""
        return self.group or self.person or ""


_granter, _holder = accounts.alias("granter"), accounts.alias("holder")
_PLACES: Mapping[EndKind, tuple[Table, Table, str, ColumnElement[Any]]] = {
    EndKind.MEMBERSHIP: (memberships, groups, "group_id", groups.c.slug),
    EndKind.GROUP_PRIVILEGE: (group_privileges, repositories, "repository_id", repositories.c.slug),
    EndKind.PRIVILEGE: (privileges, repositories, "repository_id", repositories.c.slug),
    EndKind.PROJECT_GROUP_PRIVILEGE: (project_group_privileges, projects, "project_id", projects.c.key),
    EndKind.PROJECT_PRIVILEGE: (project_privileges, projects, "project_id", projects.c.key),
}
_Condition = Callable[[Table], ColumnElement[bool]]


def _of_kind(kind: EndKind, *conditions: _Condition) -> Select[Any]:
    table, places, place_column, name = _PLACES[kind]
    place_id = table.c[place_column]
    source: FromClause = table.join(places, and_(places.c.account_id == table.c.account_id, places.c.id == place_id))
    holder: tuple[ColumnElement[Any], ...]
    if kind in (EndKind.GROUP_PRIVILEGE, EndKind.PROJECT_GROUP_PRIVILEGE):
        source = source.join(groups, and_(groups.c.account_id == table.c.account_id, groups.c.id == table.c.group_id))
        holder = (groups.c.slug, cast(null(), Id), cast(null(), Text))
    else:
        source = source.join(_holder, _holder.c.id == table.c.person_id)
        holder = (cast(null(), Text), table.c.person_id, _holder.c.username)
    by = table.c.added_by if kind is EndKind.MEMBERSHIP else table.c.granted_by
    return (
        select(
            literal(kind.value, Text).label("kind"),
            table.c.account_id,
            place_id.label("place_id"),
            name.label("place"),
            *(each.label(label) for each, label in zip(holder, ("group_slug", "person_id", "person"), strict=True)),
            (table.c.level if "level" in table.c else cast(null(), SmallInteger)).label("level"),
            table.c.ends_at,
            by.label("granted_by_id"),
            _granter.c.username.label("granted_by"),
        )
        .select_from(source.outerjoin(_granter, _granter.c.id == by))
        .where(table.c.ends_at.is_not(None), *(condition(table) for condition in conditions))
    )


def _ends(*conditions: _Condition, limited: bool = False) -> Statement[AccessEnd]:
    every = union_all(*(_of_kind(kind, *conditions) for kind in EndKind)).subquery("every")
    columns = every.c
    query = select(*columns).order_by(columns.ends_at, columns.account_id, columns.place, columns.group_slug,
                                      columns.person)  # fmt: skip
    mapper = mapped(*columns, make=lambda kind, *others: AccessEnd(EndKind(kind), *others))
    return Statement(query.limit(bindparam("most")) if limited else query, mapper)


def _in_account(table: Table) -> ColumnElement[bool]:
    return table.c.account_id == bindparam("account_id")


def _since(table: Table) -> ColumnElement[bool]:
    return table.c.ends_at >= bindparam("since")


def _before(table: Table) -> ColumnElement[bool]:
    return table.c.ends_at < bindparam("before")


_accounts = values_of("accounts", Id)
_OF_ACCOUNT = _ends(_in_account)
_OF_ACCOUNT_BETWEEN = _ends(_in_account, _before, _since)
_BETWEEN = _ends(_before, _since)
_DUE = _ends(lambda table: table.c.ends_at <= bindparam("at"))
_SOON = _ends(_before, lambda table: table.c.account_id.in_(_accounts), limited=True)
_DUE_INVITATIONS = Statement(
    select(invitations.c.id)
    .where(invitations.c.ends_at.is_not(None), invitations.c.ends_at <= bindparam("at"))
    .order_by(invitations.c.ends_at, invitations.c.id),
    scalar(invitations.c.id),
)


def due(tx: Transaction, at: datetime) -> list[AccessEnd]:
    """Return the access that has ended at a moment, in the order of the ends."""
    return tx.rows(_DUE, at=timestamps.to_number(at))


def of_account(tx: Transaction, account_id: str) -> list[AccessEnd]:
    """Return everything in an account that ends, except invitations, in the order of the ends."""
    return tx.rows(_OF_ACCOUNT, account_id=account_id)


def between(tx: Transaction, since: datetime, before: datetime, account_id: str | None = None) -> list[AccessEnd]:
    """Return what ends from one moment on and before another, in all accounts or in one; invitations are left out."""
    limits = {"since": timestamps.to_number(since), "before": timestamps.to_number(before)}
    if account_id is None:
        return tx.rows(_BETWEEN, **limits)
    return tx.rows(_OF_ACCOUNT_BETWEEN, account_id=account_id, **limits)


def soon(tx: Transaction, account_ids: Iterable[str], *, before: datetime, most: int) -> list[AccessEnd]:
    """Return the access in these accounts that ends before a moment, the first first; invitations are left out."""
    return tx.rows(_SOON, accounts=account_ids, before=timestamps.to_number(before), most=most)


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


_OF_ALL_MEMBERS = Statement(
    select(memberships.c.group_id, memberships.c.person_id, memberships.c.ends_at).where(
        memberships.c.account_id == bindparam("account_id"), memberships.c.ends_at.is_not(None)
    )
)


def of_all_members(tx: Transaction, account_id: str) -> dict[str, dict[str, datetime]]:
    """Return when memberships in an account's groups end, by the ids of group and person."""
    found: dict[str, dict[str, datetime]] = {}
    for group_id, person_id, ends_at in tx.rows(_OF_ALL_MEMBERS, account_id=account_id):
        found.setdefault(group_id, {})[person_id] = timestamps.from_number(ends_at)
    return found


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
