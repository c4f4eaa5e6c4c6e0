"""App passwords in the database."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Text, bindparam, cast, delete, insert, or_, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict
from onebucket.domain.tokens import AppPassword, TokenUse
from onebucket.store import account_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import accounts, tokens

_COLUMNS = (
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
)
_this_one = (tokens.c.account_id == bindparam("account_id"), tokens.c.id == bindparam("token_id"))
_OF_PERSON = Statement(
    select(*_COLUMNS).where(tokens.c.account_id == bindparam("account_id")).order_by(tokens.c.created_at, tokens.c.id)
)
_BY_ID = Statement(select(*_COLUMNS).where(*_this_one))
_BY_HASH = Statement(select(*_COLUMNS).where(tokens.c.secret_hash == bindparam("hash")))
_id_as_text = cast(tokens.c.id, Text)
_BEGINNING = Statement(select(*_COLUMNS).where(_id_as_text.startswith(bindparam("beginning"))).limit(2))
_ADD = Statement(insert(tokens))
_REVOKE = Statement(delete(tokens).where(*_this_one))
_USED = Statement(
    update(tokens)
    .where(*_this_one, or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at < bindparam("at")))
    .values(last_used_at=bindparam("at"), last_used_from=bindparam("address"))
)
_HOLDER = Statement(
    select(*account_rows.COLUMNS, tokens.c.scopes, tokens.c.expires_at, tokens.c.made_with)
    .join(tokens, tokens.c.account_id == accounts.c.id)
    .where(*_this_one)
)


def _token(row: Row) -> AppPassword:
    expires, used = (timestamps.from_number(number) if number is not None else None for number in (row[5], row[7]))
    scopes = frozenset(row[3].split())
    return AppPassword(
        row[0], row[1], row[2], scopes, timestamps.from_number(row[4]), expires, row[6], used, row[8], row[9]
    )


def of_person(tx: Transaction, account_id: str) -> list[AppPassword]:
    """Return a user's app passwords, oldest first."""
    return [_token(row) for row in tx.rows(_OF_PERSON, account_id=account_id)]


def by_id(tx: Transaction, account_id: str, id: str) -> AppPassword | None:
    """Return the user's app password with that id."""
    row = tx.row(_BY_ID, account_id=account_id, token_id=id)
    return _token(row) if row else None


def by_id_prefix(tx: Transaction, beginning: str) -> AppPassword | None:
    """Return the only app password whose id begins with `beginning`; None if there is none, or more than one."""
    if len(beginning) < 8 or not set(beginning) <= set("0123456789abcdef-"):
        return None
    rows = tx.rows(_BEGINNING, beginning=beginning)
    return _token(rows[0]) if len(rows) == 1 else None


def by_hash(tx: Transaction, hash: str) -> AppPassword | None:
    """Return the app password whose secret has that hash."""
    row = tx.row(_BY_HASH, hash=hash)
    return _token(row) if row else None


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
    return tx.cached_row(_HOLDER, _holder, account_id=account_id, token_id=id)


def _holder(row: Row) -> _Holder:
    expires = timestamps.from_number(row[9]) if row[9] is not None else None
    return account_rows.account(row), frozenset(row[8].split()), expires, row[10]
