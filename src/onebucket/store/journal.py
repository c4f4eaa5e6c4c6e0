"""The journal: one row for each change of an account, numbered within it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from onebucket.domain.events import Event
from onebucket.store import moments
from onebucket.store.database import Row, Statement, Transaction
from onebucket.store.tables import accounts, journal

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened to an account: who did what to which subject, with which credential, before and after.

    `number` counts an account's entries from 1; `address` is where the request came from, None at the command line.
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


_NEXT = Statement(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"))
    .values(revision=accounts.c.revision + 1, journal_length=accounts.c.journal_length + 1)
    .returning(accounts.c.journal_length)
)
_LAST = Statement(
    select(journal.c.number)
    .where(journal.c.account_id == bindparam("account_id"))
    .order_by(journal.c.number.desc())
    .limit(1)
)
_ADD = Statement(insert(journal))


def next_number(tx: Transaction, account_id: str) -> int:
    """The number of an account's next entry; the account's revision moves with it."""
    row = tx.row(_NEXT, account_id=account_id)
    if row:
        return int(row[0])
    last = tx.row(_LAST, account_id=account_id)
    return int(last[0]) + 1 if last else 1


def add(tx: Transaction, entry: Entry) -> None:
    """Write an entry."""
    tx.run(
        _ADD,
        account_id=entry.account_id,
        number=entry.number,
        account=entry.account,
        at=moments.number(entry.at),
        actor_id=entry.actor_id,
        actor=entry.actor,
        credential=entry.credential,
        address=entry.address,
        event=entry.event.value,
        subject=entry.subject,
        before=_written(entry.before),
        after=_written(entry.after),
        request_id=entry.request_id,
    )


def _written(facts: Facts | None) -> str | None:
    return None if facts is None else msgspec.json.encode(facts).decode()


_COLUMNS = (
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
_since = journal.c.at >= bindparam("since")
_EVERYWHERE = Statement(select(*_COLUMNS).where(_since).order_by(journal.c.at, journal.c.account_id, journal.c.number))
_OF_ACCOUNT = Statement(
    select(*_COLUMNS).where(journal.c.account_id == bindparam("account_id"), _since).order_by(journal.c.number)
)
_ID_OF_NAME = Statement(
    select(journal.c.account_id).where(journal.c.account == bindparam("name")).order_by(journal.c.at.desc()).limit(1)
)


def _entry(row: Row) -> Entry:
    before, after = (msgspec.json.decode(facts) if facts else None for facts in row[10:12])
    return Entry(
        account_id=row[0],
        number=row[1],
        account=row[2],
        at=moments.moment(row[3]),
        actor_id=row[4],
        actor=row[5],
        credential=row[6],
        address=row[7],
        event=Event(row[8]),
        subject=row[9],
        before=before,
        after=after,
        request_id=row[12],
    )


def entries(tx: Transaction, *, account_id: str | None, since: datetime | None) -> list[Entry]:
    """The entries of an account, or of all, from `since` on; oldest first."""
    earliest = moments.number(since) if since else 0
    if account_id is None:
        return [_entry(row) for row in tx.rows(_EVERYWHERE, since=earliest)]
    return [_entry(row) for row in tx.rows(_OF_ACCOUNT, account_id=account_id, since=earliest)]


_LATEST = Statement(select(func.max(journal.c.at)))


def latest(tx: Transaction) -> datetime | None:
    """When the newest entry of all was written."""
    row = tx.row(_LATEST)
    return moments.moment(row[0]) if row and row[0] is not None else None


def id_of_deleted(tx: Transaction, name: str) -> str | None:
    """The id of the account that last bore that name in the journal: the journal outlives accounts."""
    row = tx.row(_ID_OF_NAME, name=name)
    return row[0] if row else None
