"""Directories and their keys in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import FromClause, and_, bindparam, delete, func, insert, or_, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.directories import Directory, DirectoryKey
from onebucket.domain.refusals import Conflict
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import RowMapper, joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, directories, directory_keys, directory_people, groups


def _directory(row: Sequence[Any]) -> Directory:
    account_id, id, label, domains, adopts_groups, created_at = row
    return Directory(
        account_id, id, label, tuple(domains.split()), bool(adopts_groups), timestamps.from_number(created_at)
    )


DIRECTORY = RowMapper(
    (
        directories.c.account_id,
        directories.c.id,
        directories.c.label,
        directories.c.domains,
        directories.c.adopts_groups,
        directories.c.created_at,
    ),
    _directory,
)


def _key(
    account_id: str,
    directory_id: str,
    id: str,
    secret_hash: str,
    created_at: int,
    expires_at: int | None,
    last_used_at: int | None,
    last_used_from: str | None,
) -> DirectoryKey:
    return DirectoryKey(
        account_id,
        directory_id,
        id,
        secret_hash,
        timestamps.from_number(created_at),
        timestamps.optional_from_number(expires_at),
        timestamps.optional_from_number(last_used_at),
        last_used_from,
    )


_KEY = mapped(
    directory_keys.c.account_id,
    directory_keys.c.directory_id,
    directory_keys.c.id,
    directory_keys.c.secret_hash,
    directory_keys.c.created_at,
    directory_keys.c.expires_at,
    directory_keys.c.last_used_at,
    directory_keys.c.last_used_from,
    make=_key,
)
_directories = select(*DIRECTORY.columns)
_OF_ACCOUNT = directories.c.account_id == bindparam("account_id")
_THIS_ONE = (_OF_ACCOUNT, directories.c.id == bindparam("directory_id"))
_ALL_OF_ACCOUNT = Statement(_directories.where(_OF_ACCOUNT).order_by(directories.c.label), DIRECTORY)
_BY_ID = Statement(_directories.where(*_THIS_ONE), DIRECTORY)


def _number_of(table: FromClause) -> RowMapper[int]:
    condition = (table.c.account_id == bindparam("account_id"), table.c.directory_id == directories.c.id)
    return scalar(
        select(func.count()).select_from(table).where(*condition).correlate(directories).scalar_subquery(), int
    )


_WITH_COUNTS = joined(DIRECTORY, _number_of(directory_people), _number_of(groups))
_ALL_WITH_COUNTS = Statement(
    select(*_WITH_COUNTS.columns).where(_OF_ACCOUNT).order_by(directories.c.label), _WITH_COUNTS
)
_WITH_TEAM = joined(ACCOUNT, DIRECTORY)
_EVERYWHERE = Statement(
    select(*_WITH_TEAM.columns)
    .join(directories, directories.c.account_id == accounts.c.id)
    .order_by(accounts.c.username_key, directories.c.label),
    _WITH_TEAM,
)
_ADD = Statement(insert(directories))
_CHANGE = Statement(
    update(directories)
    .where(*_THIS_ONE)
    .values({name: bindparam(f"new_{name}") for name in ("label", "domains", "adopts_groups")})
)
_TAKE_LETTER = Statement(
    update(directories)
    .where(*_THIS_ONE, or_(directories.c.letter_at.is_(None), directories.c.letter_at <= bindparam("before")))
    .values(letter_at=bindparam("at"))
)
_REMOVE = Statement(delete(directories).where(*_THIS_ONE))


def of_account(tx: Transaction, account_id: str) -> list[Directory]:
    """Return the directories of a team, by label."""
    return tx.rows(_ALL_OF_ACCOUNT, account_id=account_id)


def with_counts(tx: Transaction, account_id: str) -> list[tuple[Directory, int, int]]:
    """Return the directories of a team, by label, each with how many people it knows and groups it keeps."""
    return tx.rows(_ALL_WITH_COUNTS, account_id=account_id)


def by_id(tx: Transaction, account_id: str, id: str) -> Directory | None:
    """Return the team's directory with that id."""
    return tx.row(_BY_ID, account_id=account_id, directory_id=id)


def everywhere(tx: Transaction) -> list[tuple[Account, Directory]]:
    """Return all directories with their teams, by team and label."""
    return tx.rows(_EVERYWHERE)


def _check_label(tx: Transaction, directory: Directory) -> None:
    others = (each for each in of_account(tx, directory.account_id) if each.id != directory.id)
    if any(each.label == directory.label for each in others):
        raise Conflict(f"the team has a directory {directory.label!r} already")


def add(tx: Transaction, directory: Directory) -> None:
    """Store a new directory. Raises Conflict when the team has one with that label."""
    _check_label(tx, directory)
    tx.run(
        _ADD,
        account_id=directory.account_id,
        id=directory.id,
        label=directory.label,
        domains=" ".join(directory.domains),
        adopts_groups=directory.adopts_groups,
        created_at=timestamps.to_number(directory.created_at),
        letter_at=None,
    )


def change(tx: Transaction, directory: Directory) -> None:
    """Update a directory. Raises Conflict when the team has another one with its new label."""
    _check_label(tx, directory)
    tx.run(
        _CHANGE,
        account_id=directory.account_id,
        directory_id=directory.id,
        new_label=directory.label,
        new_domains=" ".join(directory.domains),
        new_adopts_groups=directory.adopts_groups,
    )


def take_letter(tx: Transaction, directory: Directory, *, at: datetime, before: datetime) -> bool:
    """Take note that a letter about a directory is sent now; return False if one was later than `before`."""
    place = {"account_id": directory.account_id, "directory_id": directory.id}
    times = {"at": timestamps.to_number(at), "before": timestamps.to_number(before)}
    return tx.run(_TAKE_LETTER, **place, **times) == 1


def remove(tx: Transaction, directory: Directory) -> None:
    """Delete a directory and its keys; what it knows of people and groups must be gone already."""
    tx.run(_REVOKE_ALL, account_id=directory.account_id, directory_id=directory.id)
    tx.run(_REMOVE, account_id=directory.account_id, directory_id=directory.id)


# -- keys ------------------------------------------------------------------------------------------

_keys = select(*_KEY.columns)
_KEYS_OF = and_(
    directory_keys.c.account_id == bindparam("account_id"), directory_keys.c.directory_id == bindparam("directory_id")
)
_THIS_KEY = and_(directory_keys.c.account_id == bindparam("account_id"), directory_keys.c.id == bindparam("key_id"))
_OF_DIRECTORY = Statement(_keys.where(_KEYS_OF).order_by(directory_keys.c.created_at, directory_keys.c.id), _KEY)
_OF_TEAM = Statement(
    _keys.where(directory_keys.c.account_id == bindparam("account_id")).order_by(
        directory_keys.c.created_at, directory_keys.c.id
    ),
    _KEY,
)
_BY_HASH = Statement(_keys.where(directory_keys.c.secret_hash == bindparam("hash")), _KEY)
_HELD = joined(DIRECTORY, scalar(directory_keys.c.expires_at, timestamps.optional_from_number))
_HOLDER = Statement(
    select(*_HELD.columns)
    .join(
        directory_keys,
        and_(
            directory_keys.c.account_id == directories.c.account_id, directory_keys.c.directory_id == directories.c.id
        ),
    )
    .where(_THIS_KEY),
    _HELD,
)
_ADD_KEY = Statement(insert(directory_keys))
_REVOKE = Statement(delete(directory_keys).where(_THIS_KEY))
_REVOKE_ALL = Statement(delete(directory_keys).where(_KEYS_OF))
_USED = Statement(
    update(directory_keys)
    .where(_THIS_KEY, or_(directory_keys.c.last_used_at.is_(None), directory_keys.c.last_used_at < bindparam("at")))
    .values(last_used_at=bindparam("at"), last_used_from=bindparam("address"))
)


class KeyUse(NamedTuple):
    """A use of a directory's key: when, and from which client address."""

    account_id: str
    key_id: str
    at: datetime
    address: str | None


def keys(tx: Transaction, directory: Directory) -> list[DirectoryKey]:
    """Return a directory's keys, the oldest first."""
    return tx.rows(_OF_DIRECTORY, account_id=directory.account_id, directory_id=directory.id)


def keys_of_account(tx: Transaction, account_id: str) -> list[DirectoryKey]:
    """Return the keys of all directories of a team, the oldest first."""
    return tx.rows(_OF_TEAM, account_id=account_id)


def key_by_hash(tx: Transaction, hash: str) -> DirectoryKey | None:
    """Return the key whose secret has that hash."""
    return tx.row(_BY_HASH, hash=hash)


def key_holder(tx: Transaction, account_id: str, key_id: str) -> tuple[Directory, datetime | None] | None:
    """Return the directory that a key belongs to, and when the key expires."""
    return tx.row(_HOLDER, account_id=account_id, key_id=key_id)


def add_key(tx: Transaction, key: DirectoryKey) -> None:
    """Store a key. Raises Conflict when that secret is in use."""
    if tx.row(_BY_HASH, hash=key.secret_hash):
        raise Conflict("that secret is in use already")
    tx.run(
        _ADD_KEY,
        account_id=key.account_id,
        directory_id=key.directory_id,
        id=key.id,
        secret_hash=key.secret_hash,
        created_at=timestamps.to_number(key.created_at),
        expires_at=None if key.expires_at is None else timestamps.to_number(key.expires_at),
        last_used_at=None,
        last_used_from=None,
    )


def revoke_key(tx: Transaction, key: DirectoryKey) -> None:
    """Delete a key."""
    tx.run(_REVOKE, account_id=key.account_id, key_id=key.id)


def record_use(tx: Transaction, uses: Sequence[KeyUse]) -> None:
    """Store when and from where keys were last used; a later use that is already stored is kept."""
    tx.run_many(
        _USED,
        [
            {
                "account_id": use.account_id,
                "key_id": use.key_id,
                "at": timestamps.to_number(use.at),
                "address": use.address,
            }
            for use in uses
        ],
    )
