"""Accounts and password hashes in the database."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict, Refusal
from onebucket.store import revisions
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, joined, scalar
from onebucket.store.engine.state_stamps import NewStamp
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, emails

# Names whose form is kept, and how long they may be.
NAMES_KEPT, LONGEST_KEPT = 10_000, 100


def _account(row: Sequence[Any]) -> Account:
    id, username, display_name, aaid, nickname, *flags = row
    return Account(id, username, display_name, aaid, nickname, *map(bool, flags))


ACCOUNT = RowMapper(
    (
        accounts.c.id,
        accounts.c.username,
        accounts.c.display_name,
        accounts.c.aaid,
        accounts.c.nickname,
        accounts.c.is_team,
        accounts.c.is_active,
        accounts.c.site_admin,
        accounts.c.has_second_factor,
    ),
    _account,
)

_accounts = select(*ACCOUNT.columns)
_with_email = _accounts.join(emails, emails.c.account_id == accounts.c.id)
_validated = _with_email.where(emails.c.validated_at.is_not(None))
# The kinds of names: the column to compare, and the query.
_COLUMNS_OF_NAMES = {
    "id": (accounts.c.id, _accounts),
    "aaid": (accounts.c.aaid, _accounts),
    "email": (emails.c.email_key, _validated),
    "username": (accounts.c.username_key, _accounts),
}
_BY = {
    kind: Statement(query.where(column == bindparam("key")), ACCOUNT, is_cached=True)
    for kind, (column, query) in _COLUMNS_OF_NAMES.items()
}
_EACH_BY = {
    kind: Statement(
        query.add_columns(column).where(column.in_(values_of("keys", column.type))), joined(ACCOUNT, scalar(column))
    )
    for kind, (column, query) in _COLUMNS_OF_NAMES.items()
}
_BY_ANY_EMAIL = Statement(_with_email.where(emails.c.email_key == bindparam("key")), ACCOUNT, is_cached=True)


def by_id(tx: Transaction, id: str) -> Account | None:
    """Return the account with that id."""
    return tx.row(_BY["id"], key=id)


def by_username(tx: Transaction, name: str) -> Account | None:
    """Return the account with that username, ignoring case."""
    return tx.row(_BY["username"], key=domain.username_key(name))


def by_email(tx: Transaction, address: str, *, validated: bool = True) -> Account | None:
    """Return the user with that e-mail address; it must be validated, unless `validated` is False."""
    try:
        key = domain.email_key(address)
    except Refusal:
        return None
    return tx.row(_BY["email"] if validated else _BY_ANY_EMAIL, key=key)


def named(tx: Transaction, word: str) -> Account | None:
    """Return the account that `word` names: a UUID (braces allowed), an account_id, an e-mail address or a username.

    They are tried in that order (contract/api-1.0.md#1.2).
    """
    match = name_and_key(word)
    if match is None:
        return None
    kind, key = match
    return tx.row(_BY[kind], key=key)


def find_many(tx: Transaction, words: Iterable[str]) -> dict[str, Account]:
    """Return the accounts that several words name, by the word; words that name none are left out."""
    words = [*words]
    if len(words) == 1:
        only = named(tx, words[0])
        return {} if only is None else {words[0]: only}
    matches = [(word, name_and_key(word)) for word in words]
    keys: dict[str, list[str]] = {}
    for _, match in matches:
        if match:
            kind, key = match
            keys.setdefault(kind, []).append(key)

    found = {
        (kind, key): account for kind, of_kind in keys.items() for account, key in tx.rows(_EACH_BY[kind], keys=of_kind)
    }
    return {word: found[match] for word, match in matches if match in found}


def cache_named(tx: Transaction, word: str, found: Account | None) -> None:
    """Cache the account that `word` names, or that it names none, for `named`."""
    match = name_and_key(word)
    if match is not None:
        kind, key = match
        tx.cache_row(_BY[kind], found, key=key)


def is_cached(tx: Transaction, word: str) -> bool:
    """Return True if `named` needs no query to tell what `word` names."""
    match = name_and_key(word)
    return match is None or tx.has_cached(_BY[match[0]], key=match[1])


def name_and_key(word: str) -> tuple[str, str] | None:
    """Return the kind of name, and its stored form; None if it can't name an account."""
    return _matches_of_short(word) if len(word) <= LONGEST_KEPT else _parsed(word)


def _parsed(word: str) -> tuple[str, str] | None:
    uuid = domain.bare_uuid(word)
    if uuid is not None:
        return "id", uuid
    if domain.AAID.fullmatch(word):
        return "aaid", word.lower()
    if "@" not in word:
        return "username", domain.username_key(word)
    try:
        return "email", domain.email_key(word)
    except Refusal:
        return None


# A name is looked up several times in most requests, and in the next ones.
_matches_of_short = lru_cache(NAMES_KEPT)(_parsed)

_REVISION = Statement(
    select(accounts.c.revision).where(accounts.c.id == bindparam("id")), scalar(accounts.c.revision, int)
)
_AT = bindparam("at", type_=accounts.c.revision.type)
_REVISE = Statement(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"))
    .values(revision=case((accounts.c.revision < _AT, _AT), else_=accounts.c.revision + 1), stamp=NewStamp()),
    keeps_cache=True,
)


def revision(tx: Transaction, account_id: str) -> int:
    """Return a number that grows with every change of an account: the time of the last one in microseconds, or later.

    After a restore it doesn't return to an earlier value, unless the clock was set back. Code that mustn't depend on
    the clock uses the stamp.
    """
    state = tx.states.get(account_id)
    if state is not None and tx.read_set is not None:
        tx.read_set.add(_REVISION.dependency, {"id": account_id})
    stored = state.revision if state is not None else tx.row(_REVISION, id=account_id) or 0
    deferred = tx.deferred(_REVISE, account_id)
    return max(stored + 1, deferred["at"]) if deferred else stored


def bump_revision(tx: Transaction, account_id: str, at: datetime) -> None:
    """Increase the account's revision and renew its stamp at the end of the transaction, once for all its changes."""
    deferred = tx.deferred(_REVISE, account_id)
    earliest = deferred["at"] + 1 if deferred else 0
    tx.defer(_REVISE, account_id, account_id=account_id, at=max(timestamps.to_number(at), earliest))


_ALL = Statement(_accounts.order_by(accounts.c.username_key), ACCOUNT)
_SITE_ADMIN = Statement(select(accounts.c.id).where(accounts.c.site_admin).limit(1))
_OTHER_SITE_ADMIN = Statement(
    select(accounts.c.id).where(accounts.c.site_admin, accounts.c.is_active, accounts.c.id != bindparam("id")).limit(1)
)


def all_people(tx: Transaction) -> list[Account]:
    """Return all accounts, teams too, sorted by username."""
    return tx.rows(_ALL)


def has_site_admin(tx: Transaction, *, besides: str | None = None) -> bool:
    """Return True if there is a site administrator, active or not; with `besides`, another active one."""
    if besides is None:
        return tx.row(_SITE_ADMIN) is not None
    return tx.row(_OTHER_SITE_ADMIN, id=besides) is not None


_ADD = Statement(insert(accounts))
# `second_factor_rows` alone says whether somebody has one.
_UNCHANGED = (accounts.c.id, accounts.c.has_second_factor)
_CHANGED = [*filter(lambda column: column not in _UNCHANGED, ACCOUNT.columns), accounts.c.username_key]
_UPDATE = Statement(
    update(accounts)
    .where(accounts.c.id == bindparam("id"))
    .values({column.name: bindparam(f"new_{column.name}") for column in _CHANGED})
)
_DELETE = Statement(delete(accounts).where(accounts.c.id == bindparam("id")))


def add(tx: Transaction, account: Account, *, at: datetime) -> None:
    """Store a new account. Raises Conflict when its username, id or account_id is taken."""
    if by_username(tx, account.username):
        raise Conflict(f"there is an account {account.username!r} already")
    if tx.row(_BY["id"], key=account.id) or (account.aaid and tx.row(_BY["aaid"], key=account.aaid)):
        raise Conflict(f"another account has the uuid or the account_id of {account.username!r}")
    tx.run(
        _ADD,
        **_columns(account),
        username_key=domain.username_key(account.username),
        password_hash=None,
        created_at=timestamps.to_number(at),
        revision=0,
        stamp=None,
    )
    revisions.bump_revision(tx)


def change(tx: Transaction, account: Account) -> None:
    """Update an account. Raises Conflict when its new username is taken."""
    taken = by_username(tx, account.username)
    if taken and taken.id != account.id:
        raise Conflict(f"there is an account {account.username!r} already")
    columns = _columns(account) | {"username_key": domain.username_key(account.username)}
    tx.run(_UPDATE, **{"id" if name == "id" else f"new_{name}": value for name, value in columns.items()})
    revisions.bump_revision(tx)


def delete_account(tx: Transaction, account_id: str) -> None:
    """Delete an account; everything that refers to it must be gone already."""
    tx.run(_DELETE, id=account_id)
    revisions.bump_revision(tx)


def _columns(account: Account) -> dict[str, Any]:
    return {column.name: getattr(account, column.name) for column in ACCOUNT.columns}


_SET_PASSWORD = Statement(
    update(accounts).where(accounts.c.id == bindparam("id")).values(password_hash=bindparam("hash"))
)


def password_hash(tx: Transaction, account_id: str) -> str | None:
    """Return the hash of a user's password, or None if they have no password."""
    _, hash = find_with_password(tx, account_id) or (None, None)
    return hash


def set_password(tx: Transaction, account_id: str, hash: str) -> None:
    """Store the hash of a user's new password."""
    tx.run(_SET_PASSWORD, id=account_id, hash=hash)


_WITH_PASSWORD = joined(ACCOUNT, scalar(accounts.c.password_hash))
_BY_PASSWORD = Statement(
    select(*_WITH_PASSWORD.columns).where(accounts.c.id == bindparam("id")), _WITH_PASSWORD, is_cached=True
)


_PEOPLE = Statement(
    select(*_WITH_PASSWORD.columns).where(~accounts.c.is_team).order_by(accounts.c.username_key), _WITH_PASSWORD
)


def people_with_passwords(tx: Transaction) -> list[tuple[Account, str | None]]:
    """Return all users, no teams, sorted by username, each with the hash of their password if they have one."""
    return tx.rows(_PEOPLE)


def cache_by_id(tx: Transaction, found: Account, hash: str | None) -> None:
    """Cache an account, and the hash of its password, for `by_id` and `find_with_password`."""
    tx.cache_row(_BY["id"], found, key=found.id)
    tx.cache_row(_BY_PASSWORD, (found, hash), id=found.id)


def find_with_password(tx: Transaction, account_id: str) -> tuple[Account, str | None] | None:
    """Return the user and the hash of their current password."""
    return tx.row(_BY_PASSWORD, id=account_id)
