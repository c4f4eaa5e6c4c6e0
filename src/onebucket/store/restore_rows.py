"""Restoring a backup: which credentials are still valid in the database that is replaced, and which to delete."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, literal_column, null, select, update

from onebucket.domain.access_requests import RequestState
from onebucket.domain.events import Event
from onebucket.domain.oauth import TokenKind
from onebucket.store import invitation_rows, oauth_consumer_rows
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import Row, mapped, named, scalar
from onebucket.store.engine.statement import AnyStatement, Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    EVENTS_OF_PEOPLE,
    Id,
    access_requests,
    accounts,
    consumers,
    directory_keys,
    identities,
    invitations,
    issued,
    journal,
    letters,
    links,
    nonces,
    oauth_requests,
    recovery_codes,
    second_factors,
    sessions,
    ssh_keys,
    tokens,
    webhook_deliveries,
    webhooks,
)

# Credentials, invitations, webhooks and requests that wait. One that is missing from its table was revoked, used,
# answered or expired, and must not come back with a backup.
_HELD = (tokens, ssh_keys, directory_keys, identities, consumers, issued, invitations, webhooks, access_requests)
_STILL = {
    issued.name: issued.c.spent_at.is_(None),
    access_requests.name: access_requests.c.state == RequestState.WAITING.value,
}
_IDS = {
    table.name: Statement(
        select(table.c.id).where(_STILL[table.name]) if table.name in _STILL else select(table.c.id),
        scalar(table.c.id),
    )
    for table in _HELD
}


class Person(NamedTuple):
    """A user: whether they may sign in, and their password's hash."""

    id: str
    username: str
    is_active: bool
    password_hash: str | None


class UsedNonce(NamedTuple):
    """A nonce that a consumer has used."""

    account_id: str
    consumer_id: str
    nonce_hash: str
    expires_at: int


_PERSON = mapped(
    accounts.c.id,
    accounts.c.username,
    accounts.c.is_active,
    accounts.c.password_hash,
    make=lambda id, username, is_active, password_hash: Person(id, username, bool(is_active), password_hash),
)
_PEOPLE = Statement(select(*_PERSON.columns).where(accounts.c.is_team.is_(False)), _PERSON)
# With the condition of an index.
_DELETED = Statement(
    select(journal.c.account_id).where(
        literal_column(EVENTS_OF_PEOPLE), journal.c.event == literal_column(f"'{Event.USER_DELETED.value}'")
    ),
    scalar(journal.c.account_id, str),
)
_NONCE = named(UsedNonce, *(nonces.c[name] for name in UsedNonce._fields))
_NONCES = Statement(select(*_NONCE.columns), _NONCE)
_USE = Statement(lambda insert_into: insert_into(nonces).on_conflict_do_nothing())
_LABELS = Statement(
    select(tokens.c.id, accounts.c.username, tokens.c.label)
    .join(accounts, accounts.c.id == tokens.c.account_id)
    .order_by(accounts.c.username, tokens.c.created_at)
)

# Whether a password alone signs somebody in must not go back to what it was: with a person, these go whole.
_FACTORS = (second_factors, recovery_codes)
_ALL_FACTORS = {table.name: Statement(select(table)) for table in _FACTORS}
_REMOVE_FACTORS = {
    table.name: Statement(delete(table).where(table.c.account_id.in_(values_of("ids", Id)))) for table in _FACTORS
}
_ADD_FACTORS = {table.name: Statement(insert(table)) for table in _FACTORS}
_MARK = Statement(
    update(accounts).values(
        has_second_factor=select(second_factors.c.id)
        .where(second_factors.c.account_id == accounts.c.id, second_factors.c.confirmed_at.is_not(None))
        .exists()
    )
)

_NOT_SENT = {
    table.name: Statement(update(table).where(table.c.due_at.is_not(None)).values(due_at=null()))
    for table in (letters, webhook_deliveries)
}
_PASSING: dict[str, AnyStatement] = {
    "sessions": Statement(delete(sessions)),
    "links": Statement(delete(links)),
    "codes": Statement(delete(issued).where(issued.c.kind == bindparam("its_kind"))),
    "requests": Statement(delete(oauth_requests)),
}
_END = {
    table.name: Statement(delete(table).where(table.c.id.in_(values_of("ids", Id))))
    for table in (tokens, ssh_keys, directory_keys, identities, issued, access_requests, webhooks)
}
_END_DELIVERIES = Statement(delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id.in_(values_of("ids", Id))))


@dataclass(frozen=True, slots=True)
class Held:
    """What is valid in a database: ids of credentials and rows of second factors by table, users, used nonces.

    `deleted` are the ids of the users who were deleted.
    """

    ids: dict[str, frozenset[str]]
    people: dict[str, Person]
    nonces: tuple[UsedNonce, ...]
    factors: dict[str, list[Row]]
    deleted: frozenset[str]


def held(tx: Transaction) -> Held:
    """Load the credentials that are valid, the users, and the used nonces."""
    ids = {name: frozenset(tx.rows(statement)) for name, statement in _IDS.items()}
    people = {person.id: person for person in tx.rows(_PEOPLE)}
    factors = {name: tx.rows(statement) for name, statement in _ALL_FACTORS.items()}
    return Held(ids, people, tuple(tx.rows(_NONCES)), factors, frozenset(tx.rows(_DELETED)))


def labels(tx: Transaction) -> dict[str, tuple[str, str]]:
    """Return the owner's username and the label of each app password, by id; sorted by username."""
    return {id: (username, label) for id, username, label in tx.rows(_LABELS)}


def end_temporary(tx: Transaction) -> dict[str, int]:
    """Delete sessions, one-time links, codes and OAuth 1 request tokens; return how many of each.

    Letters and deliveries of webhooks that wait are marked as finished.
    """
    for not_sent in _NOT_SENT.values():
        tx.run(not_sent)
    return {
        name: tx.run(statement, **({"its_kind": TokenKind.CODE.value} if name == "codes" else {}))
        for name, statement in _PASSING.items()
    }


def delete_credentials(tx: Transaction, gone: dict[str, frozenset[str]]) -> None:
    """Delete the credentials with these ids, by table, and everything issued to them."""
    for invitation in invitation_rows.all_invitations(tx):
        if invitation.id in gone[invitations.name]:
            invitation_rows.remove(tx, invitation)
    tx.run(_END_DELIVERIES, ids=sorted(gone[webhooks.name]))
    for table in (issued, tokens, ssh_keys, directory_keys, identities, access_requests, webhooks):
        tx.run(_END[table.name], ids=sorted(gone[table.name]))
    for consumer in oauth_consumer_rows.all_consumers(tx):
        if consumer.id in gone[consumers.name]:
            oauth_consumer_rows.remove(tx, consumer)


def keep_second_factors(tx: Transaction, replaced: Held, people: Collection[str]) -> None:
    """Give these people the second factors and recovery codes that they had in the replaced database, and no others."""
    for table in _FACTORS:
        columns = [column.name for column in table.columns]
        rows = [dict(zip(columns, row, strict=True)) for row in replaced.factors[table.name]]
        tx.run(_REMOVE_FACTORS[table.name], ids=sorted(people))
        tx.run_many(_ADD_FACTORS[table.name], [row for row in rows if str(row["account_id"]) in people])
    tx.run(_MARK)


def use_nonces(tx: Transaction, used: Iterable[UsedNonce]) -> int:
    """Store used nonces of the consumers that exist; return how many."""
    consumer_ids = {*tx.rows(_IDS[consumers.name])}
    kept = [nonce._asdict() for nonce in used if nonce.consumer_id in consumer_ids]
    tx.run_many(_USE, kept)
    return len(kept)
