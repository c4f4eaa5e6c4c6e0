"""App passwords in the database."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Text, bindparam, cast, delete, insert, or_, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict
from onebucket.domain.tokens import AppPassword, TokenUse
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import Id, accounts, tokens


def _token(
    account_id: str,
    id: str,
    label: str,
    scopes: str,
    created_at: int,
    expires_at: int | None,
    secret_hash: str,
    last_used_at: int | None,
    last_used_from: str | None,
    made_with: str | None,
) -> AppPassword:
    return AppPassword(
        account_id=account_id,
        id=id,
        label=label,
        scopes=frozenset(scopes.split()),
        created_at=timestamps.from_number(created_at),
        expires_at=timestamps.optional_from_number(expires_at),
        secret_hash=secret_hash,
        last_used_at=timestamps.optional_from_number(last_used_at),
        last_used_from=last_used_from,
        made_with=made_with,
    )


_TOKEN = mapped(
    tokens.c.account_id,
    tokens.c.id,
    tokens.c.label,
    tokens.c.scopes,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.secret_hash,
    tokens.c.last_used_at,
    tokens.c.last_used_from,
    tokens.c.made_with,
    make=_token,
)
_tokens = select(*_TOKEN.columns)
_this_one = (tokens.c.account_id == bindparam("account_id"), tokens.c.id == bindparam("token_id"))
_OF_PERSON = Statement(
    _tokens.where(tokens.c.account_id == bindparam("account_id")).order_by(tokens.c.created_at, tokens.c.id), _TOKEN
)
_OF_PEOPLE = Statement(
    _tokens.where(tokens.c.account_id.in_(values_of("people", Id))).order_by(tokens.c.created_at, tokens.c.id), _TOKEN
)
_BY_ID = Statement(_tokens.where(*_this_one), _TOKEN)
_BY_HASH = Statement(_tokens.where(tokens.c.secret_hash == bindparam("hash")), _TOKEN)
_id_as_text = cast(tokens.c.id, Text)
_BEGINNING = Statement(_tokens.where(_id_as_text.startswith(bindparam("beginning"))).limit(2), _TOKEN)
_ADD = Statement(insert(tokens))
_REVOKE = Statement(delete(tokens).where(*_this_one))
_USED = Statement(
    update(tokens)
    .where(*_this_one, or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at < bindparam("at")))
    .values(last_used_at=bindparam("at"), last_used_from=bindparam("address"))
)
# The scopes and the expiry of an app password, and the credential it was created with.
LIMITS = joined(
    scalar(tokens.c.scopes, lambda scopes: frozenset(scopes.split())),
    scalar(tokens.c.expires_at, timestamps.optional_from_number),
    scalar(tokens.c.made_with),
)
_WITH_LIMITS = joined(ACCOUNT, LIMITS, make=lambda person, limits: (person, *limits))
_HOLDER = Statement(
    select(*_WITH_LIMITS.columns).join(tokens, tokens.c.account_id == accounts.c.id).where(*_this_one),
    _WITH_LIMITS,
    is_cached=True,
)


def of_person(tx: Transaction, account_id: str) -> list[AppPassword]:
    """Return a user's app passwords, oldest first."""
    return tx.rows(_OF_PERSON, account_id=account_id)


def of_people(tx: Transaction, people: Iterable[str]) -> list[AppPassword]:
    """Return the app passwords of users, given by id, oldest first."""
    return tx.rows(_OF_PEOPLE, people=people)


def by_id(tx: Transaction, account_id: str, id: str) -> AppPassword | None:
    """Return the user's app password with that id."""
    return tx.row(_BY_ID, account_id=account_id, token_id=id)


def by_id_prefix(tx: Transaction, beginning: str) -> AppPassword | None:
    """Return the only app password whose id begins with `beginning`; None if there is none, or more than one."""
    if len(beginning) < 8 or not set(beginning) <= set("0123456789abcdef-"):
        return None
    rows = tx.rows(_BEGINNING, beginning=beginning)
    return rows[0] if len(rows) == 1 else None


def by_hash(tx: Transaction, hash: str) -> AppPassword | None:
    """Return the app password whose secret has that hash."""
    return tx.row(_BY_HASH, hash=hash)


def add(tx: Transaction, token: AppPassword) -> None:
    """Store an app password. Raises Conflict when that secret is in use."""
    if tx.row(_BY_HASH, hash=token.secret_hash):
        raise Conflict("that secret is in use already")
    tx.run(
        _ADD,
        account_id=token.account_id,
        id=token.id,
        label=token.label,
        secret_hash=token.secret_hash,
        scopes=" ".join(sorted(token.scopes)),
        created_at=timestamps.to_number(token.created_at),
        expires_at=timestamps.to_number(token.expires_at) if token.expires_at else None,
        last_used_at=None,
        last_used_from=None,
        made_with=token.made_with,
    )


def revoke(tx: Transaction, account_id: str, id: str) -> bool:
    """Delete an app password; return True if it existed."""
    return tx.run(_REVOKE, account_id=account_id, token_id=id) == 1


def record_use(tx: Transaction, uses: Iterable[TokenUse]) -> None:
    """Store when and from where app passwords were last used; a later use that is already stored is kept."""
    tx.run_many(
        _USED,
        [
            {
                "account_id": use.account_id,
                "token_id": use.token_id,
                "at": timestamps.to_number(use.at),
                "address": use.address,
            }
            for use in uses
        ],
    )


_Holder = tuple[Account, frozenset[str], datetime | None, str | None]


def holder(tx: Transaction, account_id: str, id: str) -> _Holder | None:
    """Return the user an app password belongs to, its scopes, its expiry, and the credential it was created with."""
    return tx.row(_HOLDER, account_id=account_id, token_id=id)


def cache_holder(tx: Transaction, account_id: str, id: str, found: _Holder | None) -> None:
    """Cache what `holder` returns for an app password."""
    tx.cache_row(_HOLDER, found, account_id=account_id, token_id=id)


def is_holder_cached(tx: Transaction, account_id: str, id: str) -> bool:
    """Return True if `holder` needs no query."""
    return tx.has_cached(_HOLDER, account_id=account_id, token_id=id)
