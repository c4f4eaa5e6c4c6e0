"""The audit log in the database: one row for each change of an account, numbered and chained by hashes."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Integer, and_, bindparam, func, insert, select

from onebucket.domain.accounts import Account, Actor, bare_uuid
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry, Facts
from onebucket.store import journal_chain
from onebucket.store.engine import timestamps
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.journal_chain import ChainHead
from onebucket.store.tables import Id, journal, journal_heads

CHAIN_HEAD = mapped(journal_heads.c.number, journal_heads.c.hash, make=ChainHead)
_HEAD = Statement(
    select(*CHAIN_HEAD.columns).where(journal_heads.c.account_id == bindparam("account_id")),
    CHAIN_HEAD,
    is_cached=True,
)
_ADD = Statement(insert(journal))
_KEEP_HEAD = Statement(
    lambda insert: (head := insert(journal_heads)).on_conflict_do_update(
        index_elements=["account_id"], set_={name: head.excluded[name] for name in ("number", "hash")}
    )
)


def latest_of(tx: Transaction, account_ids: Sequence[str], *, each_at_most: int) -> list[Entry]:
    """Return the last entries of each of these accounts, the newest of all first."""
    return tx.rows(_LATEST_OF, accounts=account_ids, most=each_at_most) if account_ids else []


def add(
    tx: Transaction,
    account: Account,
    actor: Actor,
    event: Event,
    subject: str,
    *,
    before: Facts | None,
    after: Facts | None,
    at: datetime,
    address: str | None,
    request_id: str,
) -> Entry:
    """Append an entry to an account's audit log."""
    last = head(tx, account.id)
    number, previous = (last.number + 1, last.hash) if last else (1, account.id)
    chained: tuple[Any, ...] = (
        account.id,
        number,
        account.username,
        timestamps.to_number(at),
        actor.id,
        actor.name,
        actor.credential,
        address,
        event.value,
        subject,
        _encoded(before),
        _encoded(after),
        request_id,
    )
    hash = journal_chain.chain_hash(previous, chained)

    tx.send(_ADD, **dict(zip(_CHAINED_NAMES, chained, strict=True)), hash=hash)
    tx.defer(_KEEP_HEAD, account.id, account_id=account.id, number=number, hash=hash)

    return Entry._make((*chained[:3], at, *chained[4:8], event, subject, before, after, request_id, hash))


def head_query(tx: Transaction, account_id: str) -> Query | None:
    """Return the query that `add` makes for an account, for `Transaction.preload`; None if it makes none."""
    return None if tx.deferred(_KEEP_HEAD, account_id) else (_HEAD, {"account_id": account_id})


def head(tx: Transaction, account_id: str) -> ChainHead | None:
    """Return an account's last entry. One added in this transaction is still a deferred change."""
    deferred = tx.deferred(_KEEP_HEAD, account_id)
    if deferred is not None:
        return ChainHead(deferred["number"], deferred["hash"])
    return tx.row(_HEAD, account_id=account_id)


def _encoded(facts: Facts | None) -> str | None:
    return None if facts is None else msgspec.json.encode(facts).decode()


# In the order in which they are hashed.
_CHAINED = (
    journal.c.account_id,
    journal.c.number,
    journal.c.account,
    journal.c.at,
    journal.c.actor_id,
    journal.c.actor,
    journal.c.credential,
    journal.c.address,
    journal.c.event,
    journal.c.subject,
    journal.c.before,
    journal.c.after,
    journal.c.request_id,
)


_CHAINED_NAMES = tuple(column.name for column in _CHAINED)


def _entry(
    account_id: str,
    number: int,
    account: str,
    at: int,
    actor_id: str | None,
    actor: str,
    credential: str,
    address: str | None,
    event: str,
    subject: str,
    before: str | None,
    after: str | None,
    request_id: str,
    hash: str,
) -> Entry:
    return Entry(
        account_id,
        number,
        account,
        timestamps.from_number(at),
        actor_id,
        actor,
        credential,
        address,
        Event(event),
        subject,
        msgspec.json.decode(before) if before else None,
        msgspec.json.decode(after) if after else None,
        request_id,
        hash,
    )


ENTRY = mapped(*_CHAINED, journal.c.hash, make=_entry)
_entries = select(*ENTRY.columns)
_since = journal.c.at >= bindparam("since")
_of_account = journal.c.account_id == bindparam("account_id")
_EVERYWHERE = Statement(_entries.where(_since).order_by(journal.c.at, journal.c.account_id, journal.c.number), ENTRY)
_OF_ACCOUNT = Statement(_entries.where(_of_account, _since).order_by(journal.c.number), ENTRY)


_ONE = Statement(_entries.where(_of_account, journal.c.number == bindparam("number")), ENTRY, is_cached=True)


_AFTER = Statement(
    _entries.where(_of_account, journal.c.number > bindparam("after_number"))
    .order_by(journal.c.number)
    .limit(bindparam("most", type_=Integer)),
    ENTRY,
)


def after(tx: Transaction, account_id: str, number: int, *, most: int) -> list[Entry]:
    """Return at most `most` entries of an account that follow the one of that number, oldest first."""
    return tx.rows(_AFTER, account_id=account_id, after_number=number, most=most)


def entries(tx: Transaction, *, account_id: str | None, since: datetime | None) -> Iterator[Entry]:
    """Iterate over the entries of an account, or of all, from `since` on; oldest first."""
    earliest = timestamps.to_number(since) if since else 0
    if account_id is None:
        return tx.stream(_EVERYWHERE, since=earliest)
    return tx.stream(_OF_ACCOUNT, account_id=account_id, since=earliest)


def one(tx: Transaction, account_id: str, number: int) -> Entry | None:
    """Return the entry with that number."""
    return tx.row(_ONE, account_id=account_id, number=number)


_LATEST_OF = Statement(
    _entries.select_from(
        journal_heads.join(
            journal,
            and_(
                journal.c.account_id == journal_heads.c.account_id,
                journal.c.number > journal_heads.c.number - bindparam("most"),
            ),
        )
    )
    .where(journal_heads.c.account_id.in_(values_of("accounts", Id)))
    .order_by(journal.c.at.desc(), journal.c.account_id, journal.c.number.desc()),
    ENTRY,
)
_NEWEST = Statement(_entries.where(_of_account).order_by(journal.c.number.desc()).limit(1), ENTRY)
_LAST_FEW = Statement(
    _entries.where(
        _of_account, journal.c.number > bindparam("after_number"), journal.c.at > bindparam("after")
    ).order_by(journal.c.number.desc()),
    ENTRY,
)
_LATEST_AT = scalar(func.max(journal.c.at), timestamps.optional_from_number)
_LATEST = Statement(select(*_LATEST_AT.columns), _LATEST_AT)
_ID_OF_NAME = Statement(
    select(journal.c.account_id).where(journal.c.account == bindparam("name")).order_by(journal.c.at.desc()).limit(1),
    scalar(journal.c.account_id, str),
)
_ID_OF_UUID = Statement(
    select(journal_heads.c.account_id).where(journal_heads.c.account_id == bindparam("id")),
    scalar(journal_heads.c.account_id, str),
)


def newest(tx: Transaction, account_id: str) -> Entry | None:
    """Return the last entry of an account."""
    return tx.row(_NEWEST, account_id=account_id)


def last_few(tx: Transaction, account_id: str, *, after: datetime, most: int) -> list[Entry]:
    """Return which of the last `most` entries of an account are of after a moment, the newest first."""
    last = newest(tx, account_id)
    if last is None:
        return []
    return tx.rows(_LAST_FEW, account_id=account_id, after_number=last.number - most, after=timestamps.to_number(after))


def latest_events(tx: Transaction) -> datetime | None:
    """Return the time of the newest entry."""
    return tx.row(_LATEST)


def id_of_deleted(tx: Transaction, name: str) -> str | None:
    """Return the id of the account that last had that username in the audit log, or that has that UUID."""
    return tx.row(_ID_OF_UUID, id=bare_uuid(name)) or tx.row(_ID_OF_NAME, name=name)
