"""Groups with their owners and members: never a query for each group."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, or_, select, union

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group, GroupWithMembers
from onebucket.store import account_rows, group_rows
from onebucket.store.engine import bounded_reads
from onebucket.store.engine.bounded_reads import MAX_BUFFERED_ROWS, ROW_LIMIT, ReadMode
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import accounts, group_privileges, groups, memberships

_Statements: TypeAlias = Mapping[str, Statement]

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


def _groups_from(source: FromClause, *condition: ColumnElement[bool], few: bool = False) -> Statement:
    """The groups with their owners; `few`: one more than that, at most."""
    found = (
        select(*group_rows.COLUMNS, *account_rows.COLUMNS)
        .select_from(source)
        .join(accounts, accounts.c.id == groups.c.account_id)
        .where(*condition)
        .order_by(groups.c.slug, accounts.c.username_key)
    )
    return Statement(found.limit(ROW_LIMIT) if few else found)


_BY_ENTRY = (memberships.c.added_at, memberships.c.person_id)


def _memberships_of(source: FromClause) -> FromClause:
    return source.join(
        memberships, and_(memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id)
    )


def _members_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement:
    """All members of the groups, as they were added."""
    return Statement(
        select(memberships.c.group_id, *account_rows.COLUMNS)
        .select_from(_memberships_of(source))
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(*condition)
        .order_by(*_BY_ENTRY)
    )


def _few_members_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement:
    """The same of so few, and one more: only that there are more is known without sorting and naming them all."""
    some = (
        select(memberships.c.group_id, *_BY_ENTRY)
        .select_from(_memberships_of(source))
        .where(*condition)
        .limit(ROW_LIMIT)
        .subquery("some_members")
    )
    return Statement(
        select(some.c.group_id, *account_rows.COLUMNS)
        .join_from(some, accounts, accounts.c.id == some.c.person_id)
        .order_by(some.c.added_at, some.c.person_id)
    )


def _members_in_order_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement:
    """The same of all, in the order of the groups."""
    owners = accounts.alias("owners")
    return Statement(
        select(memberships.c.group_id, *account_rows.COLUMNS)
        .select_from(_memberships_of(source))
        .join(owners, owners.c.id == groups.c.account_id)
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(*condition)
        .order_by(groups.c.slug, owners.c.username_key, *_BY_ENTRY)
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
_WITH_MEMBERS = {name: selection for name, selection in _SELECTIONS.items() if name != "member"}
_GROUPS = {name: _groups_from(*selection) for name, selection in _SELECTIONS.items()}
_FEW_GROUPS = {name: _groups_from(*selection, few=True) for name, selection in _WITH_MEMBERS.items()}
_MEMBERS = {name: _members_from(*selection) for name, selection in _WITH_MEMBERS.items()}
_FEW_MEMBERS = {name: _few_members_from(*selection) for name, selection in _WITH_MEMBERS.items()}
_MEMBERS_IN_ORDER = {
    name: _members_in_order_from(*_SELECTIONS[name]) for name in ("account", "account, person", "person", "all")
}
_ONE = (groups, _of_account, groups.c.id == bindparam("group_id"))
_MEMBERS_OF_ONE = _members_from(*_ONE)
_FEW_MEMBERS_OF_ONE = _few_members_from(*_ONE)


def load_groups(
    tx: Transaction,
    *,
    account_id: str | None = None,
    person_id: str | None = None,
    repository_id: str | None = None,
    members: bool = True,
) -> list[GroupWithMembers]:
    """The groups of an account, of a person in an account, that a person administers or is in, or all there are.

    With `repository_id`, only groups with a default permission or a privilege on that repository. Sorted by slug, then
    by the owner's username (contract/api-1.0.md#1.6). Without `members`, no memberships are read. In a streaming
    transaction, members are read each time they are iterated. Raises ResultTooLarge in a bounded one.
    """
    which = _named(account=account_id, person=person_id, repository=repository_id)
    if members and tx.read_mode is ReadMode.STREAMED:
        kept = MemberCache(tx)
        found = _group_rosters(_load_groups(tx, _GROUPS, _FEW_GROUPS, which), None)
        return [replace(roster, members=LazyMembers(kept, roster.group)) for roster in found]

    gathered: dict[str, list[Account]] | None = None
    if members:
        gathered = {}
        met: dict[str, Account] = {}
        for row in _load_groups(tx, _MEMBERS, _FEW_MEMBERS, which):
            person = met.get(row[1])
            if person is None:
                person = met[row[1]] = account_rows.account(row[1:])
            gathered.setdefault(row[0], []).append(person)

    return _group_rosters(_load_groups(tx, _GROUPS, _FEW_GROUPS, which), gathered)


def stream_groups(
    tx: Transaction, *, account_id: str | None = None, person_id: str | None = None, members: bool = True
) -> Iterable[GroupWithMembers]:
    """The same, but in a transaction that lasts one after the other, its members with it."""
    if tx.read_mode is not ReadMode.STREAMED:
        return load_groups(tx, account_id=account_id, person_id=person_id, members=members)
    return _stream_groups(tx, _named(account=account_id, person=person_id), members=members)


# Which of the selections, and what its statements are given.
_Which: TypeAlias = tuple[str, dict[str, str]]


def _named(**ids: str | None) -> _Which:
    given = {name: id for name, id in ids.items() if id}
    return ", ".join(given) or "all", {f"{name}_id": id for name, id in given.items()}


def _stream_groups(tx: Transaction, which: _Which, *, members: bool) -> Iterator[GroupWithMembers]:
    name, values = which
    found = map(_roster, tx.stream(_GROUPS[name], **values))
    if not members:
        yield from found
        return

    # Both are in the same order: the memberships that are next are those of the next group that has any.
    by_group = groupby(tx.stream(_MEMBERS_IN_ORDER[name], **values), key=itemgetter(0))
    of, rows = next(by_group, _NOBODY)
    for roster in found:
        if of != roster.group.id:
            yield replace(roster, members=())
            continue
        yield replace(roster, members=(account_rows.account(row[1:]) for row in rows))
        of, rows = next(by_group, _NOBODY)


_NOBODY: tuple[str, Iterator[Row]] = ("", iter(()))


def _load_groups(tx: Transaction, whole: _Statements, few: _Statements, which: _Which) -> list[Row]:
    name, values = which
    return bounded_reads.fetch_bounded(tx, whole[name], few[name], **values)


def groups_of_person(tx: Transaction, person_id: str) -> list[GroupWithMembers]:
    """The groups that a person is in, without their members."""
    return _group_rosters(tx.rows(_GROUPS["member"], person_id=person_id), None)


def _group_rosters(rows: list[Row], gathered: Mapping[str, list[Account]] | None) -> list[GroupWithMembers]:
    owners: dict[str, Account] = {}
    found = []
    for row in rows:
        owner = owners.get(row[0]) or owners.setdefault(row[0], account_rows.account(row[8:]))
        found.append(
            GroupWithMembers(
                group_rows.group(row), owner, tuple(gathered.get(row[1], ())) if gathered is not None else None
            )
        )
    return found


def _roster(row: Row) -> GroupWithMembers:
    return GroupWithMembers(group_rows.group(row), account_rows.account(row[8:]), None)


def members(tx: Transaction, group: Group) -> Iterable[Account]:
    """The members of one group, in the order they were added.

    In a transaction that lasts, they are read each time they are gone through. Raises TooMany in a brief one.
    """
    if tx.read_mode is ReadMode.STREAMED:
        return LazyMembers(MemberCache(tx), group)
    rows = bounded_reads.fetch_bounded(
        tx, _MEMBERS_OF_ONE, _FEW_MEMBERS_OF_ONE, account_id=group.account_id, group_id=group.id
    )
    return tuple(account_rows.account(row[1:]) for row in rows)


class MemberCache:
    """The members of small groups that were read in a transaction, while there is room: they may be asked for again."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self._groups: dict[str, tuple[Account, ...]] = {}
        self._room = MAX_BUFFERED_ROWS

    def members_of(self, group: Group) -> Iterator[Account]:
        """The members of a group."""
        known = self._groups.get(group.id)
        if known is not None:
            yield from known
            return

        seen: list[Account] = []
        for row in self.tx.stream(_MEMBERS_OF_ONE, account_id=group.account_id, group_id=group.id):
            person = account_rows.account(row[1:])
            if len(seen) <= self._room:
                seen.append(person)
            yield person
        if len(seen) <= self._room:
            self._room -= len(seen)
            self._groups[group.id] = tuple(seen)


@dataclass(frozen=True, slots=True)
class LazyMembers:
    """The members of a group, however many: read from the database each time they are gone through."""

    kept: MemberCache
    group: Group

    def __iter__(self) -> Iterator[Account]:
        return self.kept.members_of(self.group)
