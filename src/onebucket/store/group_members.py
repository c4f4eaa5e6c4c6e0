"""Groups with their owners and members, loaded in two queries for any number of groups."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, or_, select, union

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group, GroupWithMembers
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import bounded_reads
from onebucket.store.engine.bounded_reads import MAX_BUFFERED_ROWS, ROW_LIMIT
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.row_mapper import Row, joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.tables import accounts, group_privileges, groups, memberships

# A group, and the columns of its owner: most groups of a list have the same one, which is made once.
_GROUP = joined(GROUP, ACCOUNT.raw)
_GroupRow: TypeAlias = tuple[Group, Row]
# The id of a group, and a member.
_MEMBER = joined(scalar(memberships.c.group_id), ACCOUNT)
# The same for long lists, without a mapper: a person in many groups is made once.
_MEMBER_COLUMNS = (memberships.c.group_id, memberships.c.person_id, *ACCOUNT.columns)

_Found = TypeVar("_Found")
_Statements: TypeAlias = Mapping[str, Statement[_Found]]

_of_person = memberships.c.person_id == bindparam("person_id")
_administering = groups.alias("administering")
_administered = (
    select(_administering.c.account_id)
    .join(
        memberships,
        and_(memberships.c.account_id == _administering.c.account_id, memberships.c.group_id == _administering.c.id),
    )
    .where(_of_person, _administering.c.account_privilege == AccountPrivilege.ADMIN.value)
)
_within = groups.alias("within")
_reached = union(
    select(_within.c.account_id, _within.c.id).where(_within.c.account_id == bindparam("person_id")),
    select(_within.c.account_id, _within.c.id).where(_within.c.account_id.in_(_administered)),
    select(memberships.c.account_id, memberships.c.group_id).where(_of_person),
).subquery("reached")
_MEMBER_GROUPS = memberships.join(
    groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)
)
_REACHED = _reached.join(groups, and_(groups.c.account_id == _reached.c.account_id, groups.c.id == _reached.c.id))


def _groups_from(source: FromClause, *condition: ColumnElement[bool], few: bool = False) -> Statement[_GroupRow]:
    """Select groups with their owners; `few` limits them to `ROW_LIMIT`."""
    query = (
        select(*_GROUP.columns)
        .select_from(source)
        .join(accounts, accounts.c.id == groups.c.account_id)
        .where(*condition)
        .order_by(groups.c.slug, accounts.c.username_key)
    )
    return Statement(query.limit(ROW_LIMIT) if few else query, _GROUP)


_ORDER_ADDED = (memberships.c.added_at, memberships.c.person_id)


def _memberships_of(source: FromClause) -> FromClause:
    return source.join(
        memberships, and_(memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id)
    )


def _members_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement[Row]:
    """Select all members of the groups, in the order they were added."""
    return Statement(
        select(*_MEMBER_COLUMNS)
        .select_from(_memberships_of(source))
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(*condition)
        .order_by(*_ORDER_ADDED)
    )


def _few_members_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement[Row]:
    """Select at most `ROW_LIMIT` members, without first sorting and joining them all."""
    some = (
        select(memberships.c.group_id, *_ORDER_ADDED)
        .select_from(_memberships_of(source))
        .where(*condition)
        .limit(ROW_LIMIT)
        .subquery("some_members")
    )
    return Statement(
        select(some.c.group_id, some.c.person_id, *ACCOUNT.columns)
        .join_from(some, accounts, accounts.c.id == some.c.person_id)
        .order_by(some.c.added_at, some.c.person_id)
    )


def _members_in_order_from(source: FromClause, *condition: ColumnElement[bool]) -> Statement[tuple[str, Account]]:
    """Select all members, in the order of the groups."""
    owners = accounts.alias("owners")
    return Statement(
        select(*_MEMBER.columns)
        .select_from(_memberships_of(source))
        .join(owners, owners.c.id == groups.c.account_id)
        .join(accounts, accounts.c.id == memberships.c.person_id)
        .where(*condition)
        .order_by(groups.c.slug, owners.c.username_key, *_ORDER_ADDED),
        _MEMBER,
    )


# Which groups to select. Each selection makes a statement for the groups and one for their members.
_of_account = groups.c.account_id == bindparam("account_id")
_my_groups = select(memberships.c.group_id).where(memberships.c.account_id == bindparam("account_id"), _of_person)
_set_there = select(group_privileges.c.group_id).where(
    group_privileges.c.account_id == bindparam("account_id"),
    group_privileges.c.repository_id == bindparam("repository_id"),
)
_SELECTIONS: dict[str, tuple[Any, ...]] = {
    "account": (groups, _of_account),
    "account, person": (groups, _of_account, groups.c.id.in_(_my_groups)),
    "account, repository": (groups, _of_account, or_(groups.c.permission.is_not(None), groups.c.id.in_(_set_there))),
    "person": (_REACHED,),
    "member": (_MEMBER_GROUPS, _of_person),
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
    """Load the groups of an account, of a user in an account, that a user administers or is in, or all groups.

    With `repository_id`, only groups with a default permission or a privilege on that repository. Sorted by slug, then
    by the owner's username (contract/api-1.0.md#1.6). Without `members`, no memberships are read. In a streaming
    transaction, members are read each time they are iterated. Raises ResultTooLarge in a bounded one.
    """
    which = _selection(account=account_id, person=person_id, repository=repository_id)
    if members and tx.read_mode is ReadMode.STREAMED:
        cache = MemberCache(tx)
        listed = _with_owners(_load_groups(tx, _GROUPS, _FEW_GROUPS, which), None)
        return [replace(group, members=LazyMembers(cache, group.group)) for group in listed]

    by_group: dict[str, list[Account]] | None = None
    if members:
        by_group = {}
        people: dict[str, Account] = {}
        for group_id, person_id, *columns in _load_groups(tx, _MEMBERS, _FEW_MEMBERS, which):
            person = people.get(person_id)
            if person is None:
                person = people[person_id] = ACCOUNT.convert(columns)
            by_group.setdefault(group_id, []).append(person)

    return _with_owners(_load_groups(tx, _GROUPS, _FEW_GROUPS, which), by_group)


def stream_groups(
    tx: Transaction, *, account_id: str | None = None, person_id: str | None = None, members: bool = True
) -> Iterable[GroupWithMembers]:
    """Iterate over groups like `load_groups`.

    In a streaming transaction, groups and their members are read lazily: iterate over a group's members before taking
    the next group.
    """
    if tx.read_mode is not ReadMode.STREAMED:
        return load_groups(tx, account_id=account_id, person_id=person_id, members=members)
    return _stream_groups(tx, _selection(account=account_id, person=person_id), members=members)


# The name of a selection, and the values of its statements.
_Selection: TypeAlias = tuple[str, dict[str, str]]


def _selection(**ids: str | None) -> _Selection:
    parameters = {name: id for name, id in ids.items() if id}
    return ", ".join(parameters) or "all", {f"{name}_id": id for name, id in parameters.items()}


def _stream_groups(tx: Transaction, which: _Selection, *, members: bool) -> Iterator[GroupWithMembers]:
    name, values = which
    listed = map(_with_owner, tx.stream(_GROUPS[name], **values))
    if not members:
        yield from listed
        return

    # Both cursors are in the same order: the next memberships are those of the next group that has members.
    by_group = groupby(tx.stream(_MEMBERS_IN_ORDER[name], **values), key=itemgetter(0))
    group_id, rows = next(by_group, _NO_MORE_MEMBERS)
    for group in listed:
        if group_id != group.group.id:
            yield replace(group, members=())
            continue
        yield replace(group, members=(person for _, person in rows))
        group_id, rows = next(by_group, _NO_MORE_MEMBERS)


_NO_MORE_MEMBERS: tuple[str, Iterator[tuple[str, Account]]] = ("", iter(()))


def _load_groups(
    tx: Transaction, whole: _Statements[_Found], few: _Statements[_Found], which: _Selection
) -> list[_Found]:
    name, values = which
    return bounded_reads.fetch_bounded(tx, whole[name], few[name], **values)


def groups_of_person(tx: Transaction, person_id: str) -> list[GroupWithMembers]:
    """Return the groups that a user is in, without their members."""
    return _with_owners(tx.rows(_GROUPS["member"], person_id=person_id), None)


def _with_owners(rows: list[_GroupRow], members: Mapping[str, list[Account]] | None) -> list[GroupWithMembers]:
    owners: dict[str, Account] = {}
    result = []
    for group, columns in rows:
        owner = owners.get(group.account_id) or owners.setdefault(group.account_id, ACCOUNT.convert(columns))
        result.append(GroupWithMembers(group, owner, tuple(members.get(group.id, ())) if members is not None else None))
    return result


def _with_owner(row: _GroupRow) -> GroupWithMembers:
    group, owner = row
    return GroupWithMembers(group, ACCOUNT.convert(owner), None)


def members(tx: Transaction, group: Group) -> Iterable[Account]:
    """Return the members of one group, in the order they were added.

    In a streaming transaction, they are read each time they are iterated. Raises ResultTooLarge in a bounded one.
    """
    if tx.read_mode is ReadMode.STREAMED:
        return LazyMembers(MemberCache(tx), group)
    rows = bounded_reads.fetch_bounded(
        tx, _MEMBERS_OF_ONE, _FEW_MEMBERS_OF_ONE, account_id=group.account_id, group_id=group.id
    )
    return tuple(ACCOUNT.convert(columns) for _, _, *columns in rows)


class MemberCache:
    """Caches the members of small groups in one transaction, up to `MAX_BUFFERED_ROWS` in all."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self._groups: dict[str, tuple[Account, ...]] = {}
        self._room = MAX_BUFFERED_ROWS

    def members_of(self, group: Group) -> Iterator[Account]:
        """Iterate over the members of a group."""
        cached = self._groups.get(group.id)
        if cached is not None:
            yield from cached
            return

        buffered: list[Account] = []
        for _, _, *columns in self.tx.stream(_MEMBERS_OF_ONE, account_id=group.account_id, group_id=group.id):
            person = ACCOUNT.convert(columns)
            if len(buffered) <= self._room:
                buffered.append(person)
            yield person
        if len(buffered) <= self._room:
            self._room -= len(buffered)
            self._groups[group.id] = tuple(buffered)


@dataclass(frozen=True, slots=True)
class LazyMembers:
    """The members of a group, however many: read from the database or the cache each time they are iterated."""

    kept: MemberCache
    group: Group

    def __iter__(self) -> Iterator[Account]:
        return self.kept.members_of(self.group)
