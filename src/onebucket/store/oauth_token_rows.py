"""Codes and tokens issued to OAuth consumers, in the database."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.oauth import OAuthToken, TokenKind
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import Row, RowMapper, joined
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import Id, accounts, issued

_COLUMNS = (
    issued.c.account_id,
    issued.c.id,
    issued.c.kind,
    issued.c.family_id,
    issued.c.consumer_account_id,
    issued.c.consumer_id,
    issued.c.scopes,
    issued.c.created_at,
    issued.c.expires_at,
    issued.c.spent_at,
    issued.c.redirect,
    issued.c.challenge,
)
_of_account = issued.c.account_id == bindparam("account_id")
_this = (_of_account, issued.c.id == bindparam("issued_id"))
_ADD = Statement(insert(issued))


def _token(row: Row) -> OAuthToken:
    (account_id, id, kind, family_id, consumer_account_id, consumer_id, scopes, created_at, expires_at, consumed_at,
     redirect, challenge) = row  # fmt: skip
    return OAuthToken(
        account_id=account_id,
        id=id,
        kind=TokenKind(kind),
        family_id=family_id,
        consumer_account_id=consumer_account_id,
        consumer_id=consumer_id,
        scopes=frozenset(scopes.split()),
        created_at=timestamps.from_number(created_at),
        expires_at=timestamps.optional_from_number(expires_at),
        consumed_at=timestamps.optional_from_number(consumed_at),
        redirect=redirect,
        challenge=challenge,
    )


_TOKEN = RowMapper(_COLUMNS, _token)
_WITH_USER = joined(ACCOUNT, _TOKEN)
_BY_HASH = Statement(select(*_COLUMNS).where(issued.c.secret_hash == bindparam("secret_hash")), _TOKEN)
_owners = accounts.alias("owners")
_HOLDER = Statement(
    select(*_WITH_USER.columns)
    .join(accounts, accounts.c.id == issued.c.account_id)
    .join(_owners, _owners.c.id == issued.c.consumer_account_id)
    .where(*_this, _owners.c.is_active),
    _WITH_USER,
    is_cached=True,
)
_SPEND = Statement(update(issued).where(*_this, issued.c.spent_at.is_(None)).values(spent_at=bindparam("new_spent_at")))
_END = Statement(delete(issued).where(*_this))
_END_FAMILY = Statement(delete(issued).where(_of_account, issued.c.family_id == bindparam("its_family_id")))
_LASTING = Statement(
    select(*_COLUMNS)
    .where(_of_account, issued.c.kind != bindparam("all_but_kind"), issued.c.spent_at.is_(None))
    .order_by(issued.c.created_at, issued.c.id),
    _TOKEN,
)
_LASTING_OF_PEOPLE = Statement(
    select(*_COLUMNS)
    .where(
        issued.c.account_id.in_(values_of("people", Id)),
        issued.c.kind != bindparam("all_but_kind"),
        issued.c.spent_at.is_(None),
    )
    .order_by(issued.c.created_at, issued.c.id),
    _TOKEN,
)
_similar = select(issued.c.id).where(
    _of_account,
    issued.c.consumer_account_id == bindparam("its_owner"),
    issued.c.consumer_id == bindparam("its_consumer"),
    issued.c.kind == bindparam("its_kind"),
    issued.c.scopes == bindparam("its_scopes"),
    issued.c.created_at > bindparam("since"),
)
_LIKE_IT = Statement(_similar.limit(1))
_LIKE_IT_OF_FAMILY = Statement(_similar.where(issued.c.family_id == bindparam("its_family_id")).limit(1))
_FORGET = Statement(delete(issued).where(issued.c.expires_at < bindparam("before")))


def add(tx: Transaction, new: OAuthToken, *, secret_hash: str) -> None:
    """Store a token; only the hash of its secret is stored."""
    tx.run(
        _ADD,
        account_id=new.account_id,
        id=new.id,
        kind=new.kind.value,
        family_id=new.family_id,
        consumer_account_id=new.consumer_account_id,
        consumer_id=new.consumer_id,
        scopes=" ".join(sorted(new.scopes)),
        created_at=timestamps.to_number(new.created_at),
        expires_at=timestamps.to_number(new.expires_at) if new.expires_at else None,
        spent_at=None,
        redirect=new.redirect,
        challenge=new.challenge,
        secret_hash=secret_hash,
    )


def by_hash(tx: Transaction, secret_hash: str) -> OAuthToken | None:
    """Return the token whose secret has that hash."""
    return tx.row(_BY_HASH, secret_hash=secret_hash)


def holder(tx: Transaction, account_id: str, id: str) -> tuple[Account, OAuthToken] | None:
    """Return the user a token was issued for, and the token; None if the consumer's owner is disabled."""
    return tx.row(_HOLDER, account_id=account_id, issued_id=id)


def valid_tokens(tx: Transaction, account_id: str) -> list[OAuthToken]:
    """Return a user's unspent codes, refresh tokens and OAuth 1 tokens, oldest first."""
    return tx.rows(_LASTING, account_id=account_id, all_but_kind=TokenKind.ACCESS.value)


def consents_of_people(tx: Transaction, people: Iterable[str]) -> list[OAuthToken]:
    """Return one valid token of each consent that users, given by id, gave; oldest first."""
    found = tx.rows(_LASTING_OF_PEOPLE, people=people, all_but_kind=TokenKind.ACCESS.value)
    return [*{token.family_id: token for token in found}.values()]


def consents(tx: Transaction, account_id: str) -> list[OAuthToken]:
    """Return one valid token of each consent that a user gave."""
    return [*{token.family_id: token for token in valid_tokens(tx, account_id)}.values()]


def consume_once(tx: Transaction, one: OAuthToken, at: datetime) -> bool:
    """Consume a code or a refresh token; return True for exactly one caller."""
    return tx.run(_SPEND, account_id=one.account_id, issued_id=one.id, new_spent_at=timestamps.to_number(at)) == 1


def revoke(tx: Transaction, one: OAuthToken) -> bool:
    """Delete a token; return True if it existed."""
    return tx.run(_END, account_id=one.account_id, issued_id=one.id) == 1


def revoke_family(tx: Transaction, one: OAuthToken) -> int:
    """Delete all tokens of the same consent; return how many."""
    return tx.run(_END_FAMILY, account_id=one.account_id, its_family_id=one.family_id)


def has_like(tx: Transaction, one: OAuthToken, *, since: datetime, of_family: bool) -> bool:
    """Return True if a token of the same kind and scopes was issued to the consumer after `since` and still exists.

    `of_family` counts only tokens of the same consent.
    """
    values = {
        "account_id": one.account_id,
        "its_owner": one.consumer_account_id,
        "its_consumer": one.consumer_id,
        "its_kind": one.kind.value,
        "its_scopes": " ".join(sorted(one.scopes)),
        "since": timestamps.to_number(since),
    }
    if of_family:
        return tx.row(_LIKE_IT_OF_FAMILY, its_family_id=one.family_id, **values) is not None
    return tx.row(_LIKE_IT, **values) is not None


def delete_expired(tx: Transaction, *, before: datetime) -> None:
    """Delete tokens that expired before that time."""
    tx.run(_FORGET, before=timestamps.to_number(before))
