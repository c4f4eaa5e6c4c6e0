"""What directories know of people, in the database."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.directories import Directory, DirectoryPerson
from onebucket.domain.filters import ListQuery
from onebucket.domain.refusals import Conflict
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.filtered_select import FilteredSelect, Keys
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import Id, accounts, directory_people


def _person(row: Sequence[Any]) -> DirectoryPerson:
    (
        account_id,
        directory_id,
        person_id,
        user_name,
        external_id,
        is_brought,
        is_held,
        created_at,
        changed_at,
        profile,
    ) = row
    return DirectoryPerson(
        account_id,
        directory_id,
        person_id,
        user_name,
        external_id,
        bool(is_brought),
        bool(is_held),
        timestamps.from_number(created_at),
        timestamps.from_number(changed_at),
        json.loads(profile),
    )


_PERSON = RowMapper(
    (
        directory_people.c.account_id,
        directory_people.c.directory_id,
        directory_people.c.person_id,
        directory_people.c.user_name,
        directory_people.c.external_id,
        directory_people.c.is_brought,
        directory_people.c.is_held,
        directory_people.c.created_at,
        directory_people.c.changed_at,
        directory_people.c.profile,
    ),
    _person,
)
_WITH_ACCOUNT = joined(_PERSON, ACCOUNT)
_everybody = (
    select(*_WITH_ACCOUNT.columns)
    .join(accounts, accounts.c.id == directory_people.c.person_id)
    .where(
        directory_people.c.account_id == bindparam("account_id"),
        directory_people.c.directory_id == bindparam("directory_id"),
    )
)
# They are counted, and those before a page passed by, in an index: a row holds all that the directory has sent.
_found, _holders = directory_people.alias("found"), accounts.alias("holders")
_known = select(_found.c.person_id).where(
    _found.c.account_id == bindparam("account_id"), _found.c.directory_id == bindparam("directory_id")
)
_order = (_found.c.created_at, _found.c.person_id)
_LISTED = FilteredSelect(
    _everybody,
    _WITH_ACCOUNT,
    {
        "id": _found.c.person_id,
        "user_name": _found.c.user_name_key,
        "external_id": _found.c.external_id,
        "email": _found.c.email_key,
        "display_name": _found.c.display_name_key,
        "is_active": _holders.c.is_active,
        "created_at": _found.c.created_at,
        "changed_at": _found.c.changed_at,
    },
    # By a number of its own: SQLite would read everybody in the order of the index rather than sort one page.
    unique=(directory_people.c.created_at + 0, directory_people.c.person_id),
    keys=Keys(
        _known,
        _known.join(_holders, _holders.c.id == _found.c.person_id),
        _order,
        (directory_people.c.person_id,),
    ),
)
_ONE = Statement(_everybody.where(directory_people.c.person_id == bindparam("person_id")), _WITH_ACCOUNT)
_LINKS = Statement(
    select(*_PERSON.columns)
    .where(directory_people.c.person_id == bindparam("person_id"))
    .order_by(directory_people.c.created_at, directory_people.c.directory_id),
    _PERSON,
)
_SOME = Statement(
    select(*ACCOUNT.columns)
    .join(directory_people, directory_people.c.person_id == accounts.c.id)
    .where(
        directory_people.c.account_id == bindparam("account_id"),
        directory_people.c.directory_id == bindparam("directory_id"),
        directory_people.c.person_id.in_(values_of("people", Id)),
    ),
    ACCOUNT,
)
_NUMBER = scalar(func.count(), int)
_COUNT = Statement(
    select(*_NUMBER.columns)
    .select_from(directory_people)
    .where(
        directory_people.c.account_id == bindparam("account_id"),
        directory_people.c.directory_id == bindparam("directory_id"),
    ),
    _NUMBER,
)
_TAKEN = Statement(
    select(directory_people.c.person_id).where(
        directory_people.c.account_id == bindparam("account_id"),
        directory_people.c.directory_id == bindparam("directory_id"),
        directory_people.c.user_name_key == bindparam("key"),
    ),
    scalar(directory_people.c.person_id, str),
)
_this_one = (
    directory_people.c.account_id == bindparam("account_id"),
    directory_people.c.directory_id == bindparam("directory_id"),
    directory_people.c.person_id == bindparam("person_id"),
)
_CHANGED = (
    "user_name",
    "user_name_key",
    "external_id",
    "email_key",
    "display_name_key",
    "is_held",
    "changed_at",
    "profile",
)
_ADD = Statement(insert(directory_people))
_CHANGE = Statement(
    update(directory_people).where(*_this_one).values({name: bindparam(f"new_{name}") for name in _CHANGED})
)
_REMOVE = Statement(delete(directory_people).where(*_this_one))
_REMOVE_ALL = Statement(
    delete(directory_people).where(
        directory_people.c.account_id == bindparam("account_id"),
        directory_people.c.directory_id == bindparam("directory_id"),
    )
)
_RELEASE = Statement(
    update(directory_people)
    .where(directory_people.c.person_id == bindparam("person_id"), directory_people.c.is_held.is_(True))
    .values(is_held=False)
)


def listed(
    tx: Transaction, directory: Directory, query: ListQuery
) -> tuple[list[tuple[DirectoryPerson, Account]], int]:
    """Return the people of a directory whom a query wants, in the order they came, and how many pass its filter."""
    return _LISTED.read(tx, query, account_id=directory.account_id, directory_id=directory.id)


def find(tx: Transaction, directory: Directory, person_id: str) -> tuple[DirectoryPerson, Account] | None:
    """Return what a directory knows of a person, and the person's account."""
    return tx.row(_ONE, account_id=directory.account_id, directory_id=directory.id, person_id=person_id)


def links_of(tx: Transaction, person_id: str) -> list[DirectoryPerson]:
    """Return what the directories of all teams know of a person, the first one first."""
    return tx.rows(_LINKS, person_id=person_id)


def among(tx: Transaction, directory: Directory, ids: Iterable[str]) -> dict[str, Account]:
    """Return those of the accounts with these ids that the directory knows, by id."""
    found = tx.rows(_SOME, account_id=directory.account_id, directory_id=directory.id, people=list(ids))
    return {account.id: account for account in found}


def count(tx: Transaction, directory: Directory) -> int:
    """Return how many people a directory knows."""
    return tx.row(_COUNT, account_id=directory.account_id, directory_id=directory.id) or 0


def add(tx: Transaction, person: DirectoryPerson) -> None:
    """Store what a directory knows of a person. Raises Conflict when it has somebody else with that user name."""
    _check_user_name(tx, person)
    tx.run(
        _ADD,
        **_place(person),
        **_columns(person),
        is_brought=person.is_brought,
        created_at=timestamps.to_number(person.created_at),
    )


def change(tx: Transaction, person: DirectoryPerson) -> None:
    """Update what a directory knows of a person. Raises Conflict when somebody else has that user name there."""
    _check_user_name(tx, person)
    tx.run(_CHANGE, **_place(person), **{f"new_{name}": value for name, value in _columns(person).items()})


def remove(tx: Transaction, person: DirectoryPerson) -> None:
    """Forget what a directory knows of a person."""
    tx.run(_REMOVE, **_place(person))


def remove_of_directory(tx: Transaction, directory: Directory) -> None:
    """Forget what a directory knows of anybody."""
    tx.run(_REMOVE_ALL, account_id=directory.account_id, directory_id=directory.id)


def release(tx: Transaction, person_id: str) -> None:
    """Let no directory count as the one that has disabled a person."""
    tx.run(_RELEASE, person_id=person_id)


def name_key(name: str) -> str:
    """Return the normal form of a user name or another one, for comparison without case.

    >>> name_key("Mina.Okafor@Corp.Example")
    'mina.okafor@corp.example'
    """
    return name.lower() if name.isascii() else name.casefold()


def _check_user_name(tx: Transaction, person: DirectoryPerson) -> None:
    holder = tx.row(
        _TAKEN,
        account_id=person.account_id,
        directory_id=person.directory_id,
        key=name_key(person.user_name),
    )
    if holder is not None and holder != person.person_id:
        raise Conflict("the directory has somebody with that userName already")


def _place(person: DirectoryPerson) -> dict[str, str]:
    return {"account_id": person.account_id, "directory_id": person.directory_id, "person_id": person.person_id}


def _columns(person: DirectoryPerson) -> dict[str, Any]:
    emails = person.profile.get("emails") or [{}]
    return {
        "user_name": person.user_name,
        "user_name_key": name_key(person.user_name),
        "external_id": person.external_id,
        "email_key": name_key(emails[0].get("value") or "") or None,
        "display_name_key": name_key(person.profile.get("displayName") or "") or None,
        "is_held": person.is_held,
        "changed_at": timestamps.to_number(person.changed_at),
        "profile": json.dumps(person.profile, separators=(",", ":"), sort_keys=True),
    }
