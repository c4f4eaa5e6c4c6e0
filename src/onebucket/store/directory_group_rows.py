"""The groups that directories keep, in the database."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, null, select, update

from onebucket.domain.directories import Directory, DirectoryGroup
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import Group
from onebucket.store.engine import timestamps
from onebucket.store.engine.filtered_select import FilteredSelect, Several
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.tables import Id, directory_people, groups, memberships


def _kept(row: Sequence[Any]) -> DirectoryGroup:
    account_id, id, name, slug, external_id, created_at, changed_at = row
    return DirectoryGroup(
        account_id, id, name, slug, external_id, timestamps.from_number(created_at), timestamps.from_number(changed_at)
    )


_KEPT = RowMapper(
    (
        groups.c.account_id,
        groups.c.id,
        groups.c.name,
        groups.c.slug,
        groups.c.external_id,
        groups.c.created_at,
        groups.c.directory_changed_at,
    ),
    _kept,
)
_OF_DIRECTORY = and_(groups.c.account_id == bindparam("account_id"), groups.c.directory_id == bindparam("directory_id"))
_THIS_ONE = and_(groups.c.account_id == bindparam("account_id"), groups.c.id == bindparam("group_id"))
_LISTED = FilteredSelect(
    select(*_KEPT.columns).where(_OF_DIRECTORY),
    _KEPT,
    {
        "id": groups.c.id,
        "slug": groups.c.slug,
        "name": groups.c.name,
        "external_id": groups.c.external_id,
        "created_at": groups.c.created_at,
        "changed_at": groups.c.directory_changed_at,
        "members": Several(
            select(memberships.c.person_id).where(
                memberships.c.account_id == groups.c.account_id, memberships.c.group_id == groups.c.id
            ),
            memberships.c.person_id,
        ),
    },
    unique=(groups.c.created_at, groups.c.id),
)
_WITH_GROUP = joined(_KEPT, GROUP)
_ONE = Statement(select(*_WITH_GROUP.columns).where(_OF_DIRECTORY, groups.c.id == bindparam("group_id")), _WITH_GROUP)
_NUMBER = scalar(func.count(), int)
_COUNT = Statement(select(*_NUMBER.columns).select_from(groups).where(_OF_DIRECTORY), _NUMBER)
_MARK = Statement(
    update(groups)
    .where(_THIS_ONE)
    .values(
        directory_id=bindparam("new_directory_id", type_=Id),
        external_id=bindparam("new_external_id"),
        directory_changed_at=bindparam("new_changed_at"),
    )
)
_RELEASE = Statement(
    update(groups).where(_OF_DIRECTORY).values(directory_id=null(), external_id=null(), directory_changed_at=null())
)

# Members whom the directory knows: the others of a group that it has taken over have left by then.
_MEMBER = joined(scalar(memberships.c.group_id, str), scalar(memberships.c.person_id, str))
_members = (
    select(*_MEMBER.columns)
    .join(
        directory_people,
        and_(
            directory_people.c.account_id == memberships.c.account_id,
            directory_people.c.person_id == memberships.c.person_id,
        ),
    )
    .where(
        memberships.c.account_id == bindparam("account_id"),
        directory_people.c.directory_id == bindparam("directory_id"),
    )
)
_MEMBERS = Statement(
    _members.where(memberships.c.group_id.in_(values_of("groups", Id))).order_by(
        memberships.c.group_id, memberships.c.added_at, memberships.c.person_id
    ),
    _MEMBER,
)
_GROUP_OF = joined(scalar(memberships.c.person_id), scalar(groups.c.id), scalar(groups.c.name))
_GROUPS = Statement(
    select(*_GROUP_OF.columns)
    .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
    .where(_OF_DIRECTORY, memberships.c.person_id.in_(values_of("people", Id)))
    .order_by(groups.c.created_at, groups.c.id),
    _GROUP_OF,
)
_PERSON_IDS = Statement(
    select(memberships.c.person_id).where(
        memberships.c.account_id == bindparam("account_id"), memberships.c.group_id == bindparam("group_id")
    ),
    scalar(memberships.c.person_id, str),
)
_ADD_MEMBER = Statement(lambda insert: insert(memberships).on_conflict_do_nothing())
_REMOVE_MEMBERS = Statement(
    delete(memberships).where(
        memberships.c.account_id == bindparam("account_id"),
        memberships.c.group_id == bindparam("group_id"),
        memberships.c.person_id.in_(values_of("people", Id)),
    )
)


def listed(tx: Transaction, directory: Directory, query: ListQuery) -> tuple[list[DirectoryGroup], int]:
    """Return the groups of a directory that a query wants, in the order they came, and how many pass its filter."""
    return _LISTED.read(tx, query, account_id=directory.account_id, directory_id=directory.id)


def find(tx: Transaction, directory: Directory, group_id: str) -> tuple[DirectoryGroup, Group] | None:
    """Return a group that the directory keeps."""
    return tx.row(_ONE, account_id=directory.account_id, directory_id=directory.id, group_id=group_id)


def count(tx: Transaction, directory: Directory) -> int:
    """Return how many groups a directory keeps."""
    return tx.row(_COUNT, account_id=directory.account_id, directory_id=directory.id) or 0


def keep(tx: Transaction, directory: Directory, group_id: str, *, external_id: str | None, at: datetime) -> None:
    """Mark a group as kept by a directory that has just changed it."""
    tx.run(
        _MARK,
        account_id=directory.account_id,
        group_id=group_id,
        new_directory_id=directory.id,
        new_external_id=external_id,
        new_changed_at=timestamps.to_number(at),
    )


def release(tx: Transaction, directory: Directory) -> None:
    """Let the groups of a directory be kept by nobody."""
    tx.run(_RELEASE, account_id=directory.account_id, directory_id=directory.id)


def members(tx: Transaction, directory: Directory, group_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return (group id, person id) for some groups of a directory, each group's members in the order they came."""
    ids = list(group_ids)
    return tx.rows(_MEMBERS, account_id=directory.account_id, directory_id=directory.id, groups=ids)


def groups_of(tx: Transaction, directory: Directory, person_ids: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return (person id, group id, name) for the groups of a directory that some people are in."""
    return tx.rows(_GROUPS, account_id=directory.account_id, directory_id=directory.id, people=list(person_ids))


def member_ids(tx: Transaction, group: Group) -> set[str]:
    """Return the ids of everybody in a group."""
    return set(tx.rows(_PERSON_IDS, account_id=group.account_id, group_id=group.id))


def add_members(tx: Transaction, group: Group, people: Sequence[tuple[str, datetime]]) -> None:
    """Add people to a group, each with the time that decides the order; those who are members already stay."""
    place = {"account_id": group.account_id, "group_id": group.id, "added_by": None, "ends_at": None}
    tx.run_many(_ADD_MEMBER, [{**place, "person_id": id, "added_at": timestamps.to_number(at)} for id, at in people])


def remove_members(tx: Transaction, group: Group, person_ids: Iterable[str]) -> None:
    """Remove people from a group."""
    tx.run(_REMOVE_MEMBERS, account_id=group.account_id, group_id=group.id, people=list(person_ids))
