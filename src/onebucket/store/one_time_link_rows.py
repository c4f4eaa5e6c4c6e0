"""One-time links of users in the database."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import bindparam, delete, insert, select, update

from onebucket.domain.accounts import email_key
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import mapped
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import links


class LinkPurpose(Enum):
    """What a one-time link is for: confirm an e-mail address, set a new password, or sign in."""

    EMAIL = "email"
    PASSWORD = "password"  # noqa: S105
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """A link for one purpose of one user, sent or about to be sent to `email`; it can be used once.

    One to sign in isn't sent: its `email` is empty.
    """

    account_id: str
    id: str
    purpose: LinkPurpose
    email: str
    created_at: datetime
    expires_at: datetime


def _link(account_id: str, id: str, purpose: str, email: str, created_at: int, expires_at: int) -> OneTimeLink:
    created, expires = timestamps.from_number(created_at), timestamps.from_number(expires_at)
    return OneTimeLink(account_id, id, LinkPurpose(purpose), email, created, expires)


_LINK = mapped(
    links.c.account_id,
    links.c.id,
    links.c.purpose,
    links.c.email,
    links.c.created_at,
    links.c.expires_at,
    make=_link,
)
_links = select(*_LINK.columns)
_of_account = links.c.account_id == bindparam("account_id")
_this = (_of_account, links.c.id == bindparam("link_id"))
_same = (
    _of_account,
    links.c.purpose == bindparam("its_purpose"),
    links.c.email_key == bindparam("its_email_key"),
)
_ADD = Statement(insert(links))
_REPLACED = Statement(delete(links).where(*_same))
_BY_HASH = Statement(_links.where(links.c.secret_hash == bindparam("secret_hash")), _LINK)
_ONE = Statement(_links.where(*_this), _LINK)
_OF_PERSON = Statement(
    _links.where(_of_account, links.c.purpose == bindparam("its_purpose")).order_by(links.c.created_at), _LINK
)
_SEAL = Statement(update(links).where(*_this).values(secret_hash=bindparam("new_hash")))
_SPEND = Statement(
    delete(links).where(
        *_this, links.c.secret_hash == bindparam("its_secret_hash"), links.c.expires_at > bindparam("at")
    )
)
_FORGET = Statement(delete(links).where(links.c.expires_at < bindparam("before")))
_FORGET_OF_PERSON = Statement(delete(links).where(_of_account, links.c.purpose == bindparam("its_purpose")))


def replace(tx: Transaction, link: OneTimeLink, *, secret_hash: str | None = None) -> None:
    """Store a link; delete an earlier one for the same purpose and address.

    One that is sent gets the hash of its secret then (`store_link_hash`).
    """
    key = email_key(link.email) if link.email else ""
    tx.run(_REPLACED, account_id=link.account_id, its_purpose=link.purpose.value, its_email_key=key)
    tx.run(
        _ADD,
        account_id=link.account_id,
        id=link.id,
        purpose=link.purpose.value,
        email=link.email,
        email_key=key,
        secret_hash=secret_hash,
        created_at=timestamps.to_number(link.created_at),
        expires_at=timestamps.to_number(link.expires_at),
    )


def one(tx: Transaction, account_id: str, id: str) -> OneTimeLink | None:
    """Return the link with that id."""
    return tx.row(_ONE, account_id=account_id, link_id=id)


def by_hash(tx: Transaction, secret_hash: str) -> OneTimeLink | None:
    """Return the link whose secret has that hash."""
    return tx.row(_BY_HASH, secret_hash=secret_hash)


def of_person(tx: Transaction, account_id: str, purpose: LinkPurpose) -> list[OneTimeLink]:
    """Return a user's links for one purpose, oldest first."""
    return tx.rows(_OF_PERSON, account_id=account_id, its_purpose=purpose.value)


def store_link_hash(tx: Transaction, account_id: str, id: str, *, secret_hash: str) -> bool:
    """Store the hash of the secret about to be sent; return False if the link no longer exists."""
    return tx.run(_SEAL, account_id=account_id, link_id=id, new_hash=secret_hash) == 1


def consume_once(tx: Transaction, link: OneTimeLink, secret_hash: str, at: datetime) -> bool:
    """Delete a link that is used; return True for exactly one caller, and for none after it has expired."""
    values = {"account_id": link.account_id, "link_id": link.id, "its_secret_hash": secret_hash}
    return tx.run(_SPEND, **values, at=timestamps.to_number(at)) == 1


def remove(tx: Transaction, account_id: str, purpose: LinkPurpose, email: str) -> bool:
    """Delete the link for that purpose and address; return True if it existed."""
    values = {"account_id": account_id, "its_purpose": purpose.value, "its_email_key": email_key(email)}
    return tx.run(_REPLACED, **values) == 1


def remove_all(tx: Transaction, account_id: str, purpose: LinkPurpose) -> None:
    """Delete all links of a user for that purpose."""
    tx.run(_FORGET_OF_PERSON, account_id=account_id, its_purpose=purpose.value)


def delete_expired(tx: Transaction, *, before: datetime) -> int:
    """Delete all users' links that expired before that time; return how many."""
    return tx.run(_FORGET, before=timestamps.to_number(before))
