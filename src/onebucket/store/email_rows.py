"""E-mail addresses of users in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, exists, insert, select, update

from onebucket.domain import accounts
from onebucket.domain.refusals import Conflict
from onebucket.store import revisions
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import emails


@dataclass(frozen=True, slots=True)
class Email:
    """An address of a user; `key` is its normal form, `address` its spelling."""

    address: str
    key: str
    is_primary: bool
    validated: bool


_OF_PERSON = Statement(
    select(emails.c.email, emails.c.email_key, emails.c.is_primary, emails.c.validated_at)
    .where(emails.c.account_id == bindparam("account_id"))
    .order_by(emails.c.is_primary.desc(), emails.c.email_key)
)
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
    return [
        Email(row[0], row[1], bool(row[2]), row[3] is not None) for row in tx.rows(_OF_PERSON, account_id=account_id)
    ]


def add(tx: Transaction, account_id: str, address: str, *, is_primary: bool, at: datetime) -> None:
    """Store a validated address. Raises Conflict when another user has it, Invalid when it is malformed."""
    key = accounts.new_email_key(address)
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


_HAS = Statement(
    select(
        exists().where(
            and_(
                emails.c.account_id == bindparam("account_id"),
                emails.c.email_key == bindparam("key"),
                emails.c.validated_at.is_not(None),
            )
        )
    )
)


def has(tx: Transaction, account_id: str, key: str) -> bool:
    """Return True if the user has that address and it is validated."""
    row = tx.row(_HAS, account_id=account_id, key=key)
    return bool(row and row[0])
