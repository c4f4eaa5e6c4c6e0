"""Whom directories have disabled and deleted, in the database: they may come back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, select, union_all

from onebucket.domain.directories import Directory, DirectoryPerson, Leaver
from onebucket.store.directory_people_rows import name_key
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import RowMapper, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import directory_leavers, directory_people


def _leaver(row: Sequence[Any]) -> Leaver:
    account_id, directory_id, person_id, is_brought = row
    return Leaver(account_id, directory_id, person_id, bool(is_brought))


_LEAVER = RowMapper(
    (
        directory_leavers.c.account_id,
        directory_leavers.c.directory_id,
        directory_leavers.c.person_id,
        directory_leavers.c.is_brought,
    ),
    _leaver,
)
_OF_DIRECTORY = and_(
    directory_leavers.c.account_id == bindparam("account_id"),
    directory_leavers.c.directory_id == bindparam("directory_id"),
)
_THIS_ONE = and_(_OF_DIRECTORY, directory_leavers.c.person_id == bindparam("person_id"))
_BY_PERSON = Statement(select(*_LEAVER.columns).where(_THIS_ONE), _LEAVER)
# Two people may have had the same user name, one after the other.
_BY_USER_NAME = Statement(
    select(*_LEAVER.columns)
    .where(_OF_DIRECTORY, directory_leavers.c.user_name_key == bindparam("key"))
    .order_by(directory_leavers.c.left_at.desc())
    .limit(1),
    _LEAVER,
)
_holders = union_all(
    select(directory_people.c.directory_id).where(
        directory_people.c.person_id == bindparam("person_id"), directory_people.c.is_held.is_(True)
    ),
    select(directory_leavers.c.directory_id).where(directory_leavers.c.person_id == bindparam("person_id")),
).subquery("holders")
_HOLDERS = Statement(select(_holders.c.directory_id), scalar(_holders.c.directory_id, str))
_ADD = Statement(insert(directory_leavers))
_REMOVE = Statement(delete(directory_leavers).where(_THIS_ONE))
_REMOVE_ALL = Statement(delete(directory_leavers).where(_OF_DIRECTORY))
_RELEASE = Statement(delete(directory_leavers).where(directory_leavers.c.person_id == bindparam("person_id")))


def find(tx: Transaction, directory: Directory, person_id: str) -> Leaver | None:
    """Return the person with that id if the directory has deleted them."""
    return tx.row(_BY_PERSON, account_id=directory.account_id, directory_id=directory.id, person_id=person_id)


def by_user_name(tx: Transaction, directory: Directory, user_name: str) -> Leaver | None:
    """Return who had that user name in the directory when it deleted them; the last of several."""
    key = name_key(user_name)
    return tx.row(_BY_USER_NAME, account_id=directory.account_id, directory_id=directory.id, key=key)


def is_held(tx: Transaction, person_id: str) -> bool:
    """Return True if a directory has disabled a person, whether or not it knows them still."""
    return bool(tx.rows(_HOLDERS, person_id=person_id))


def add(tx: Transaction, person: DirectoryPerson, at: datetime) -> None:
    """Remember somebody whom their directory deletes."""
    tx.run(
        _ADD,
        account_id=person.account_id,
        directory_id=person.directory_id,
        person_id=person.person_id,
        user_name_key=name_key(person.user_name),
        is_brought=person.is_brought,
        left_at=timestamps.to_number(at),
    )


def remove(tx: Transaction, leaver: Leaver) -> None:
    """Forget that a directory has deleted somebody, who comes back."""
    tx.run(_REMOVE, account_id=leaver.account_id, directory_id=leaver.directory_id, person_id=leaver.person_id)


def remove_of_directory(tx: Transaction, directory: Directory) -> None:
    """Forget whom a directory has deleted."""
    tx.run(_REMOVE_ALL, account_id=directory.account_id, directory_id=directory.id)


def release(tx: Transaction, person_id: str) -> None:
    """Forget which directories have deleted a person."""
    tx.run(_RELEASE, person_id=person_id)
