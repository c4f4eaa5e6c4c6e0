"""OAuth consumers, OAuth 1 request tokens, and used nonces in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.oauth import Consumer
from onebucket.store import account_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, consumers, issued, nonces, oauth_requests


def _consumer(
    account_id: str,
    id: str,
    key: str,
    label: str,
    callback: str,
    scopes: str,
    is_public: int,
    acts_as: str | None,
    created_at: int,
) -> Consumer:
    created = timestamps.from_number(created_at)
    return Consumer(account_id, id, key, label, callback, frozenset(scopes.split()), bool(is_public), acts_as, created)


_CONSUMER = mapped(
    consumers.c.account_id,
    consumers.c.id,
    consumers.c.key,
    consumers.c.label,
    consumers.c.callback,
    consumers.c.scopes,
    consumers.c.is_public,
    consumers.c.acts_as,
    consumers.c.created_at,
    make=_consumer,
)
_consumers = select(*_CONSUMER.columns)
_of_account = consumers.c.account_id == bindparam("account_id")
_this = (_of_account, consumers.c.id == bindparam("consumer_id"))
_owners = accounts.alias("owners")
# A consumer is valid only while its owner is active.
_with_active_owner = _consumers.join(_owners, _owners.c.id == consumers.c.account_id).where(_owners.c.is_active)
_ADD = Statement(insert(consumers))
_BY_KEY = Statement(_with_active_owner.where(consumers.c.key == bindparam("key")), _CONSUMER)
_OF_ANYBODY = Statement(_consumers.where(consumers.c.key == bindparam("key")), _CONSUMER)
_STILL = Statement(_with_active_owner.where(*_this), _CONSUMER)
_ONE = Statement(_consumers.where(*_this), _CONSUMER)
_OF_ACCOUNT = Statement(_consumers.where(_of_account).order_by(consumers.c.created_at, consumers.c.id), _CONSUMER)
_ACTING_AS = Statement(
    _consumers.where(consumers.c.acts_as == bindparam("person_id")).order_by(consumers.c.created_at, consumers.c.id),
    _CONSUMER,
)
_EVERYWHERE = Statement(_consumers.order_by(consumers.c.created_at, consumers.c.id), _CONSUMER)
_WITH_SCOPES = joined(account_rows.ACCOUNT, scalar(consumers.c.scopes, lambda scopes: frozenset(scopes.split())))
_HOLDER = Statement(
    select(*_WITH_SCOPES.columns)
    .join(consumers, consumers.c.acts_as == accounts.c.id)
    .join(_owners, _owners.c.id == consumers.c.account_id)
    .where(accounts.c.id == bindparam("account_id"), consumers.c.id == bindparam("consumer_id"), _owners.c.is_active),
    _WITH_SCOPES,
    is_cached=True,
)
_REMOVE = (
    Statement(
        delete(issued).where(
            issued.c.consumer_account_id == bindparam("account_id"), issued.c.consumer_id == bindparam("consumer_id")
        )
    ),
    *(
        Statement(
            delete(table).where(
                table.c.account_id == bindparam("account_id"), table.c.consumer_id == bindparam("consumer_id")
            )
        )
        for table in (oauth_requests, nonces)
    ),
    Statement(delete(consumers).where(*_this)),
)


def add(tx: Transaction, consumer: Consumer) -> None:
    """Store a consumer."""
    tx.run(
        _ADD,
        account_id=consumer.account_id,
        id=consumer.id,
        key=consumer.key,
        label=consumer.label,
        callback=consumer.callback,
        scopes=" ".join(sorted(consumer.scopes)),
        is_public=consumer.is_public,
        acts_as=consumer.acts_as,
        created_at=timestamps.to_number(consumer.created_at),
    )


def find_owned(tx: Transaction, account_id: str, id: str) -> tuple[Account, Consumer]:
    """Return an existing consumer and its owner, who may be disabled."""
    consumer, owner = tx.row(_ONE, account_id=account_id, consumer_id=id), account_rows.by_id(tx, account_id)
    assert consumer is not None and owner is not None
    return owner, consumer


def all_consumers(tx: Transaction) -> list[Consumer]:
    """Return the consumers of all accounts, oldest first."""
    return tx.rows(_EVERYWHERE)


def by_key(tx: Transaction, key: str) -> Consumer | None:
    """Return the consumer with that key; None if its owner is disabled."""
    return tx.row(_BY_KEY, key=key)


def of_anybody(tx: Transaction, key: str) -> Consumer | None:
    """Return the consumer with that key even if its owner is disabled, to manage it."""
    return tx.row(_OF_ANYBODY, key=key)


def counts(tx: Transaction, consumer: Consumer) -> bool:
    """Return True if a consumer still exists and its owner is active."""
    return tx.row(_STILL, account_id=consumer.account_id, consumer_id=consumer.id) is not None


def of_account(tx: Transaction, account_id: str) -> list[Consumer]:
    """Return an account's consumers, oldest first."""
    return tx.rows(_OF_ACCOUNT, account_id=account_id)


def acting_as(tx: Transaction, person_id: str) -> list[Consumer]:
    """Return the consumers of all accounts that act for a user on their own, oldest first."""
    return tx.rows(_ACTING_AS, person_id=person_id)


def holder(tx: Transaction, account_id: str, id: str) -> tuple[Account, frozenset[str]] | None:
    """Return the user for whom a consumer acts on its own, and its scopes.

    Returns None if the consumer's owner is disabled.
    """
    return tx.row(_HOLDER, account_id=account_id, consumer_id=id)


def remove(tx: Transaction, consumer: Consumer) -> None:
    """Delete a consumer, and everything that was issued to it."""
    for statement in _REMOVE:
        tx.run(statement, account_id=consumer.account_id, consumer_id=consumer.id)


@dataclass(frozen=True, slots=True)
class OAuth1Request:
    """An OAuth 1 request token: where to redirect the user, and who approved it with which verifier."""

    account_id: str
    consumer_id: str
    token_hash: str
    callback: str
    expires_at: datetime
    person_id: str | None = None
    verifier_hash: str | None = None


def _request(
    account_id: str,
    consumer_id: str,
    token_hash: str,
    callback: str,
    expires_at: int,
    person_id: str | None,
    verifier_hash: str | None,
) -> OAuth1Request:
    expires = timestamps.from_number(expires_at)
    return OAuth1Request(account_id, consumer_id, token_hash, callback, expires, person_id, verifier_hash)


_REQUEST = mapped(
    oauth_requests.c.account_id,
    oauth_requests.c.consumer_id,
    oauth_requests.c.token_hash,
    oauth_requests.c.callback,
    oauth_requests.c.expires_at,
    oauth_requests.c.person_id,
    oauth_requests.c.verifier_hash,
    make=_request,
)
_this_request = (
    oauth_requests.c.account_id == bindparam("its_account_id"),
    oauth_requests.c.consumer_id == bindparam("its_consumer_id"),
    oauth_requests.c.token_hash == bindparam("its_token_hash"),
)
_ASK = Statement(insert(oauth_requests))
_ASKED = Statement(select(*_REQUEST.columns).where(oauth_requests.c.token_hash == bindparam("token_hash")), _REQUEST)
_AGREE = Statement(
    update(oauth_requests)
    .where(*_this_request, oauth_requests.c.person_id.is_(None))
    .values(person_id=bindparam("new_person_id"), verifier_hash=bindparam("new_verifier_hash"))
)
_TAKE = Statement(delete(oauth_requests).where(*_this_request))
_FORGET_AGREED = Statement(delete(oauth_requests).where(oauth_requests.c.person_id == bindparam("its_person_id")))
_FORGET_REQUESTS = Statement(delete(oauth_requests).where(oauth_requests.c.expires_at < bindparam("before")))


def add_request(tx: Transaction, pending: OAuth1Request) -> None:
    """Store a request token for the user to decide about."""
    tx.run(
        _ASK,
        account_id=pending.account_id,
        consumer_id=pending.consumer_id,
        token_hash=pending.token_hash,
        callback=pending.callback,
        expires_at=timestamps.to_number(pending.expires_at),
        person_id=None,
        verifier_hash=None,
    )


def find_request(tx: Transaction, token_hash: str) -> OAuth1Request | None:
    """Return the request token with that hash."""
    return tx.row(_ASKED, token_hash=token_hash)


def approve_request(tx: Transaction, pending: OAuth1Request, *, person_id: str, verifier_hash: str) -> bool:
    """Store who approved a request token; return False if it was approved already."""
    values = {"new_person_id": person_id, "new_verifier_hash": verifier_hash}
    return tx.run(_AGREE, **_key_values(pending), **values) == 1


def consume_request(tx: Transaction, pending: OAuth1Request) -> bool:
    """Delete a request token; return True for exactly one caller."""
    return tx.run(_TAKE, **_key_values(pending)) == 1


def forget_agreed(tx: Transaction, person_id: str) -> None:
    """Delete the request tokens that a user has approved and no consumer has exchanged."""
    tx.run(_FORGET_AGREED, its_person_id=person_id)


def _key_values(pending: OAuth1Request) -> dict[str, str]:
    return {
        "its_account_id": pending.account_id,
        "its_consumer_id": pending.consumer_id,
        "its_token_hash": pending.token_hash,
    }


_USE = Statement(lambda insert: insert(nonces).on_conflict_do_nothing())
_FORGET_NONCES = Statement(delete(nonces).where(nonces.c.expires_at < bindparam("before")))


def use_nonce(tx: Transaction, consumer: Consumer, nonce_hash: str, *, until: datetime) -> bool:
    """Store a consumer's nonce; return False if it was used before."""
    values = {"account_id": consumer.account_id, "consumer_id": consumer.id, "nonce_hash": nonce_hash}
    return tx.run(_USE, **values, expires_at=timestamps.to_number(until)) == 1


def delete_expired(tx: Transaction, *, before: datetime) -> None:
    """Delete request tokens and nonces that expired before that time."""
    for statement in (_FORGET_REQUESTS, _FORGET_NONCES):
        tx.run(statement, before=timestamps.to_number(before))
