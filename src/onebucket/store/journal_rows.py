"""The audit log in the database: one row for each change of an account, numbered and chained by hashes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, insert, select, tuple_, union

from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.journal_cursor import JournalPosition
from onebucket.store import journal_chain
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.journal_chain import ChainHead, VerifiedChain
from onebucket.store.tables import accounts, journal, journal_heads

Facts = dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """An entry of the audit log: who did what to which subject, with which credential, before and after.

    `number` counts an account's entries from 1. `address` is the client's IP address; None at the command line. `hash`
    covers all other fields and the previous entry's hash.
    """

    account_id: str
    number: int
    account: str
    at: datetime
    actor_id: str | None
    actor: str
    credential: str
    address: str | None
    event: Event
    subject: str
    before: Facts | None
    after: Facts | None
    request_id: str
    hash: str


_HEAD = Statement(
    select(journal_heads.c.number, journal_heads.c.hash).where(journal_heads.c.account_id == bindparam("account_id"))
)
_ADD = Statement(insert(journal))
_KEEP_HEAD = Statement(
    lambda insert: (head := insert(journal_heads)).on_conflict_do_update(
        index_elements=["account_id"], set_={name: head.excluded[name] for name in ("number", "hash")}
    )
)


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
    last = _last(tx, account.id)
    number, previous = (last.number + 1, last.hash) if last else (1, account.id)
    columns: dict[str, Any] = {
        "account_id": account.id,
        "number": number,
        "account": account.username,
        "at": timestamps.to_number(at),
        "actor_id": actor.id,
        "actor": actor.name,
        "credential": actor.credential,
        "address": address,
        "event": event.value,
        "subject": subject,
        "before": _encoded(before),
        "after": _encoded(after),
        "request_id": request_id,
    }
    hash = journal_chain.chain_hash(previous, [*columns.values()])

    tx.run(_ADD, **columns, hash=hash)
    tx.defer(_KEEP_HEAD, account.id, account_id=account.id, number=number, hash=hash)

    return Entry(**columns | {"at": at, "event": event, "before": before, "after": after, "hash": hash})


def _last(tx: Transaction, account_id: str) -> ChainHead | None:
    """Return an account's last entry. One added in this transaction is still a deferred change."""
    deferred = tx.deferred(_KEEP_HEAD, account_id)
    if deferred is not None:
        return ChainHead(deferred["number"], deferred["hash"])
    row = tx.row(_HEAD, account_id=account_id)
    return ChainHead(row[0], row[1]) if row else None


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
_ENTRY = select(*_CHAINED, journal.c.hash)
_since = journal.c.at >= bindparam("since")
_of_account = journal.c.account_id == bindparam("account_id")
_EVERYWHERE = Statement(_ENTRY.where(_since).order_by(journal.c.at, journal.c.account_id, journal.c.number))
_OF_ACCOUNT = Statement(_ENTRY.where(_of_account, _since).order_by(journal.c.number))
_ONE = Statement(_ENTRY.where(_of_account, journal.c.number == bindparam("number")))


def _entry(row: Row) -> Entry:
    before, after = (msgspec.json.decode(facts) if facts else None for facts in row[10:12])
    return Entry(
        account_id=row[0],
        number=row[1],
        account=row[2],
        at=timestamps.from_number(row[3]),
        actor_id=row[4],
        actor=row[5],
        credential=row[6],
        address=row[7],
        event=Event(row[8]),
        subject=row[9],
        before=before,
        after=after,
        request_id=row[12],
        hash=row[13],
    )


def entries(tx: Transaction, *, account_id: str | None, since: datetime | None) -> Iterator[Entry]:
    """Iterate over the entries of an account, or of all, from `since` on; oldest first."""
    earliest = timestamps.to_number(since) if since else 0
    if account_id is None:
        return map(_entry, tx.stream(_EVERYWHERE, since=earliest))
    return map(_entry, tx.stream(_OF_ACCOUNT, account_id=account_id, since=earliest))


def one(tx: Transaction, account_id: str, number: int) -> Entry | None:
    """Return the entry with that number."""
    return tx.cached_row(_ONE, _entry, account_id=account_id, number=number)


_END: JournalPosition = (1 << 62, "", 1 << 62)
_position = (journal.c.at, journal.c.account_id, journal.c.number)
_NEWEST = Statement(
    _ENTRY.where(
        _since, tuple_(*_position) < tuple_(*(bindparam(column.name, type_=column.type) for column in _position))
    ).order_by(journal.c.at.desc(), journal.c.account_id.desc(), journal.c.number.desc())
)
_NEWEST_OF_ACCOUNT = Statement(
    _ENTRY.where(_of_account, journal.c.number < bindparam("number")).order_by(journal.c.number.desc())
)


def newest_first(
    tx: Transaction, *, account_id: str | None, after: JournalPosition | None, since: datetime | None
) -> Iterator[Entry]:
    """Iterate over an account's entries by number, or all entries by time, newest first, those `after` a position.

    `since` doesn't apply to a single account: its entries are ordered by number, not by time.
    """
    at, id, number = after or _END
    if account_id is None:
        earliest = timestamps.to_number(since) if since else 0
        return map(_entry, tx.stream(_NEWEST, at=at, account_id=id, number=number, since=earliest))
    return map(_entry, tx.stream(_NEWEST_OF_ACCOUNT, account_id=account_id, number=number))


def position_of(entry: Entry) -> JournalPosition:
    """Return an entry's position in the order of all entries: its time, account and number."""
    return timestamps.to_number(entry.at), entry.account_id, entry.number


_LATEST = Statement(select(func.max(journal.c.at)))
_ID_OF_NAME = Statement(
    select(journal.c.account_id).where(journal.c.account == bindparam("name")).order_by(journal.c.at.desc()).limit(1)
)
_ID_OF_UUID = Statement(select(journal_heads.c.account_id).where(journal_heads.c.account_id == bindparam("id")))


def latest_events(tx: Transaction) -> datetime | None:
    """Return the time of the newest entry."""
    row = tx.row(_LATEST)
    return timestamps.from_number(row[0]) if row and row[0] is not None else None


def id_of_deleted(tx: Transaction, name: str) -> str | None:
    """Return the id of the account that last had that username in the audit log, or that has that UUID."""
    row = tx.row(_ID_OF_UUID, id=name.strip("{}").lower()) or tx.row(_ID_OF_NAME, name=name)
    return row[0] if row else None


# -- verification ------------------------------------------------------------------------------------

_ACCOUNTS = Statement(
    union(select(journal_heads.c.account_id), select(journal.c.account_id), select(accounts.c.id)).order_by(
        "account_id"
    )
)
_CHAIN = Statement(_ENTRY.where(_of_account).order_by(journal.c.number))
_NAME = Statement(select(accounts.c.username).where(accounts.c.id == bindparam("account_id")))
_LAST_NAME = Statement(select(journal.c.account).where(_of_account).order_by(journal.c.number.desc()).limit(1))


def verify(tx: Transaction, *, account_id: str | None, expected: Mapping[str, ChainHead]) -> Iterator[VerifiedChain]:
    """Verify the audit log of an account, or of every account that exists, existed, or has an expected head."""
    with tx.reading_anything():
        ids = (
            [account_id]
            if account_id is not None
            else sorted({*expected, *(row[0] for row in tx.stream(_ACCOUNTS))}, key=str)
        )
        for id in ids:
            yield _verified(tx, id, expected.get(id))


def _verified(tx: Transaction, account_id: str, expected: ChainHead | None) -> VerifiedChain:
    name = tx.row(_NAME, account_id=account_id) or tx.row(_LAST_NAME, account_id=account_id)
    shown = str(name[0]).encode(errors="replace").decode() if name else "unknown"
    chain = VerifiedChain(account_id, shown, ChainHead(0, ""))
    rows = tx.stream(_CHAIN, account_id=account_id)
    journal_chain.examine_chain(chain, rows, _last(tx, account_id), expected)
    return chain
