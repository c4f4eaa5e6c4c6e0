"""Putting back an older state: what must not come back with it, read in the database that is replaced."""

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

# What somebody may hold and make use of. What is gone from there was ended: by its owner, by an administrator, by being
# used, or by its time.
_HELD = (tokens, consumers, issued, invitations)
_IDS = {
    each.name: Statement(select(each.c.id).where(each.c.spent_at.is_(None)) if each is issued else select(each.c.id))
    for each in _HELD
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
_END = {each.name: Statement(delete(each).where(each.c.id.in_(values_of("ids", Id)))) for each in (tokens, issued)}


@dataclass(frozen=True, slots=True)
class Person:
    """Whether a person may sign in, and the hash of the password they do it with."""

    id: str
    username: str
    is_active: bool
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is good in a database: ids by table, people by their ids, and the nonces that were used."""

    ids: dict[str, frozenset[str]]
    people: dict[str, Person]
    nonces: tuple[Row, ...]


def held(tx: Transaction) -> Held:
    """What somebody may hold and make use of, and who may sign in with what."""
    people = [Person(row[0], row[1], bool(row[2]), row[3]) for row in tx.rows(_PEOPLE)]
    ids = {name: frozenset(row[0] for row in tx.rows(statement)) for name, statement in _IDS.items()}
    return Held(ids, {each.id: each for each in people}, tuple(tx.rows(_NONCES)))


def labels(tx: Transaction) -> dict[str, tuple[str, str]]:
    """Whose each app password is, and what it is called; by id, in the order of people."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(_LABELS)}


def end_temporary(tx: Transaction) -> dict[str, int]:
    """End what is good for a while only: sessions, links, codes, OAuth requests; how many. No letter waits any more."""
    tx.run(_NOT_SENT)
    return {
        name: tx.run(statement, **({"its_kind": TokenKind.CODE.value} if name == "codes" else {}))
        for name, statement in _PASSING.items()
    }


def delete_credentials(tx: Transaction, gone: dict[str, frozenset[str]]) -> None:
    """End what has these ids, with everything that came of it."""
    for invitation in invitation_rows.all_invitations(tx):
        if invitation.id in gone[invitations.name]:
            invitation_rows.remove(tx, invitation)
    for table in (issued, tokens):
        tx.run(_END[table.name], ids=sorted(gone[table.name]))
    for consumer in oauth_consumer_rows.all_consumers(tx):
        if consumer.id in gone[consumers.name]:
            oauth_consumer_rows.remove(tx, consumer)


def use_nonces(tx: Transaction, used: Iterable[Row]) -> int:
    """Keep that these nonces were used, of the consumers that there are; how many."""
    there = {row[0] for row in tx.rows(_IDS[consumers.name])}
    rows = [_nonce(row) for row in used if row[1] in there]
    tx.run_many(_USE, rows)
    return len(rows)


def _nonce(row: Row) -> dict[str, Any]:
    return dict(zip(("account_id", "consumer_id", "nonce_hash", "expires_at"), row, strict=True))
