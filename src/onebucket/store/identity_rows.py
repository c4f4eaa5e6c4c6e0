"""Who users are at the providers that they sign in with, in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import mapped
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import identities


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """A user's identity at a provider; `shown` is what the provider calls them, `subject` its id of them."""

    account_id: str
    id: str
    issuer: str
    subject: str
    provider: str
    shown: str
    linked_at: datetime
    last_used_at: datetime


_IDENTITY = mapped(
    identities.c.account_id,
    identities.c.id,
    identities.c.issuer,
    identities.c.subject,
    identities.c.provider,
    identities.c.shown,
    identities.c.linked_at,
    identities.c.last_used_at,
    make=lambda account_id, id, issuer, subject, provider, shown, linked_at, last_used_at: LinkedIdentity(
        account_id,
        id,
        issuer,
        subject,
        provider,
        shown,
        timestamps.from_number(linked_at),
        timestamps.from_number(last_used_at),
    ),
)
_identities = select(*_IDENTITY.columns)
_of_account = identities.c.account_id == bindparam("account_id")
_this = (_of_account, identities.c.id == bindparam("identity_id"))
_BY_SUBJECT = Statement(
    _identities.where(identities.c.issuer == bindparam("issuer"), identities.c.subject == bindparam("subject")),
    _IDENTITY,
)
_OF_PERSON = Statement(_identities.where(_of_account).order_by(identities.c.linked_at, identities.c.id), _IDENTITY)
_ADD = Statement(lambda insert: insert(identities).on_conflict_do_nothing())
_USED = Statement(
    update(identities)
    .where(*_this)
    .values(last_used_at=bindparam("at"), shown=bindparam("new_shown"), provider=bindparam("new_provider"))
)
_REMOVE = Statement(delete(identities).where(*_this))


def by_subject(tx: Transaction, issuer: str, subject: str) -> LinkedIdentity | None:
    """Return the identity with that id at that issuer."""
    return tx.row(_BY_SUBJECT, issuer=issuer, subject=subject)


def of_person(tx: Transaction, account_id: str) -> list[LinkedIdentity]:
    """Return a user's identities, in the order in which they were linked."""
    return tx.rows(_OF_PERSON, account_id=account_id)


def add(tx: Transaction, identity: LinkedIdentity) -> bool:
    """Store an identity; return False if it is somebody's already."""
    columns = {
        "account_id": identity.account_id,
        "id": identity.id,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "provider": identity.provider,
        "shown": identity.shown,
        "linked_at": timestamps.to_number(identity.linked_at),
        "last_used_at": timestamps.to_number(identity.last_used_at),
    }
    return tx.run(_ADD, **columns) == 1


def store_use(tx: Transaction, identity: LinkedIdentity, *, provider: str, shown: str, at: datetime) -> None:
    """Store a sign-in with an identity, and what the provider calls the user now."""
    tx.run(
        _USED,
        account_id=identity.account_id,
        identity_id=identity.id,
        new_provider=provider,
        new_shown=shown,
        at=timestamps.to_number(at),
    )


def remove(tx: Transaction, identity: LinkedIdentity) -> bool:
    """Delete an identity; return True if it existed."""
    return tx.run(_REMOVE, account_id=identity.account_id, identity_id=identity.id) == 1
