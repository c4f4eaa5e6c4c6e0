"""E-mail addresses of users in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, insert, select, update

from onebucket.domain.accounts import new_email_key
from onebucket.domain.refusals import Conflict
from onebucket.store import revisions
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, emails


@dataclass(frozen=True, slots=True)
class Email:
    """An address of a user; `key` is its normal form, `address` its spelling."""

    address: str
    key: str
    is_primary: bool
    validated: bool


_EMAIL = mapped(
    emails.c.email,
    emails.c.email_key,
    emails.c.is_primary,
    emails.c.validated_at,
    make=lambda address, key, is_primary, validated_at: Email(address, key, bool(is_primary), validated_at is not None),
)


def _of_primary(column: ColumnElement[str]) -> ColumnElement[str]:
    is_theirs = and_(emails.c.account_id == accounts.c.id, emails.c.is_primary.is_(True))
    return select(column).where(is_theirs).correlate(accounts).scalar_subquery()


# A person's primary address and its normal form, for queries of `accounts`. A subquery, not a join: it is worked out
# for the rows of a page only.
PRIMARY_EMAIL, PRIMARY_EMAIL_KEY = _of_primary(emails.c.email), _of_primary(emails.c.email_key)

_primary_first = (emails.c.is_primary.desc(), emails.c.email_key)
_OF_PERSON = Statement(
    select(*_EMAIL.columns).where(emails.c.account_id == bindparam("account_id")).order_by(*_primary_first), _EMAIL
)
_WITH_PERSON = joined(scalar(emails.c.account_id), _EMAIL)
_EVERYWHERE = Statement(select(*_WITH_PERSON.columns).order_by(*_primary_first), _WITH_PERSON)
_HOLDER = Statement(select(emails.c.account_id).where(emails.c.email_key == bindparam("key")))
_ADD = Statement(insert(emails))
_SET_PRIMARY = Statement(
    update(emails)
    .where(emails.c.account_id == bindparam("account_id"))
    .values(is_primary=emails.c.email_key == bindparam("key"))
)
_REMOVE = Statement(
    delete(emails).where(emails.c.account_id == bindparam("account_id"), emails.c.email_key == bindparam("key"))
)


def of_person(tx: Transaction, account_id: str) -> list[Email]:
    """Return a user's addresses, the primary one first."""
    return tx.rows(_OF_PERSON, account_id=account_id)


def of_everybody(tx: Transaction) -> dict[str, list[Email]]:
    """Return all addresses by their user's id, each user's primary one first."""
    by_person: dict[str, list[Email]] = {}
    for account_id, email in tx.rows(_EVERYWHERE):
        by_person.setdefault(account_id, []).append(email)
    return by_person


def add(tx: Transaction, account_id: str, address: str, *, is_primary: bool, at: datetime) -> None:
    """Store a validated address. Raises Conflict when another user has it, Invalid when it is malformed."""
    key = new_email_key(address)
    if tx.row(_HOLDER, key=key):
        raise Conflict(f"the e-mail address {address} belongs to an account already")
    tx.run(
        _ADD,
        account_id=account_id,
        email_key=key,
        email=address,
        is_primary=is_primary,
        validated_at=timestamps.to_number(at),
    )
    revisions.bump_revision(tx)


def set_primary(tx: Transaction, account_id: str, key: str) -> None:
    """Make one of a user's addresses the primary one, and no other."""
    tx.run(_SET_PRIMARY, account_id=account_id, key=key)
    revisions.bump_revision(tx)


def remove(tx: Transaction, account_id: str, key: str) -> None:
    """Delete an address of a user."""
    tx.run(_REMOVE, account_id=account_id, key=key)
    revisions.bump_revision(tx)


_IS_THERE = scalar(
    exists().where(
        and_(
            emails.c.account_id == bindparam("account_id"),
            emails.c.email_key == bindparam("key"),
            emails.c.validated_at.is_not(None),
        )
    ),
    bool,
)
_HAS = Statement(select(*_IS_THERE.columns), _IS_THERE)


def has(tx: Transaction, account_id: str, key: str) -> bool:
    """Return True if the user has that address and it is validated."""
    return tx.row(_HAS, account_id=account_id, key=key) is True
