"""Restoring a backup: which credentials are still valid in the database that is replaced, and which to delete."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, null, select, update

from onebucket.domain.oauth import TokenKind
from onebucket.store import invitation_rows, oauth_consumer_rows
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import (
    Id,
    accounts,
    consumers,
    invitations,
    issued,
    letters,
    links,
    nonces,
    oauth_requests,
    sessions,
    tokens,
)

# Credentials and invitations. One that is missing from its table was revoked, used or expired, and must not come back
# with a backup.
_HELD = (tokens, consumers, issued, invitations)
_IDS = {
    table.name: Statement(
        select(table.c.id).where(table.c.spent_at.is_(None)) if table is issued else select(table.c.id)
    )
    for table in _HELD
}
_PEOPLE = Statement(
    select(accounts.c.id, accounts.c.username, accounts.c.is_active, accounts.c.password_hash).where(
        accounts.c.is_team.is_(False)
    )
)
_NONCES = Statement(select(nonces.c.account_id, nonces.c.consumer_id, nonces.c.nonce_hash, nonces.c.expires_at))
_USE = Statement(lambda insert: insert(nonces).on_conflict_do_nothing())
_LABELS = Statement(
    select(tokens.c.id, accounts.c.username, tokens.c.label)
    .join(accounts, accounts.c.id == tokens.c.account_id)
    .order_by(accounts.c.username, tokens.c.created_at)
)

_NOT_SENT = Statement(update(letters).where(letters.c.due_at.is_not(None)).values(due_at=null()))
_PASSING: dict[str, Statement] = {
    "sessions": Statement(delete(sessions)),
    "links": Statement(delete(links)),
    "codes": Statement(delete(issued).where(issued.c.kind == bindparam("its_kind"))),
    "requests": Statement(delete(oauth_requests)),
}
_END = {table.name: Statement(delete(table).where(table.c.id.in_(values_of("ids", Id)))) for table in (tokens, issued)}


@dataclass(frozen=True, slots=True)
class Person:
    """A user: whether they may sign in, and their password's hash."""

    id: str
    username: str
    is_active: bool
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is valid in a database: ids of credentials by table, users by id, and used nonces."""

    ids: dict[str, frozenset[str]]
    people: dict[str, Person]
    nonces: tuple[Row, ...]


def held(tx: Transaction) -> Held:
    """Load the credentials that are valid, the users, and the used nonces."""
    people = [Person(row[0], row[1], bool(row[2]), row[3]) for row in tx.rows(_PEOPLE)]
    ids = {name: frozenset(row[0] for row in tx.rows(statement)) for name, statement in _IDS.items()}
    return Held(ids, {person.id: person for person in people}, tuple(tx.rows(_NONCES)))


def labels(tx: Transaction) -> dict[str, tuple[str, str]]:
    """Return the owner's username and the label of each app password, by id; sorted by username."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(_LABELS)}


def end_temporary(tx: Transaction) -> dict[str, int]:
    """Delete sessions, one-time links, codes and OAuth 1 request tokens; return how many of each.

    Letters that wait are marked as finished.
    """
    tx.run(_NOT_SENT)
    return {
        name: tx.run(statement, **({"its_kind": TokenKind.CODE.value} if name == "codes" else {}))
        for name, statement in _PASSING.items()
    }


def delete_credentials(tx: Transaction, gone: dict[str, frozenset[str]]) -> None:
    """Delete the credentials with these ids, by table, and everything issued to them."""
    for invitation in invitation_rows.all_invitations(tx):
        if invitation.id in gone[invitations.name]:
            invitation_rows.remove(tx, invitation)
    for table in (issued, tokens):
        tx.run(_END[table.name], ids=sorted(gone[table.name]))
    for consumer in oauth_consumer_rows.all_consumers(tx):
        if consumer.id in gone[consumers.name]:
            oauth_consumer_rows.remove(tx, consumer)


def use_nonces(tx: Transaction, used: Iterable[Row]) -> int:
    """Store used nonces of the consumers that exist; return how many."""
    consumer_ids = {row[0] for row in tx.rows(_IDS[consumers.name])}
    rows = [_nonce(row) for row in used if row[1] in consumer_ids]
    tx.run_many(_USE, rows)
    return len(rows)


def _nonce(row: Row) -> dict[str, Any]:
    return dict(zip(("account_id", "consumer_id", "nonce_hash", "expires_at"), row, strict=True))
