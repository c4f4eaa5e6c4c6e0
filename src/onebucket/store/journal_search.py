"""Searches the audit log: the entries after a position that match some criteria, newest first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Text, bindparam, func, or_, select, tuple_

from onebucket.domain.accounts import username_key
from onebucket.domain.events import Event
from onebucket.domain.journal_cursor import JournalPosition
from onebucket.domain.journal_entry import Entry
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.journal_rows import ENTRY
from onebucket.store.tables import journal

_of_account = journal.c.account_id == bindparam("account_id")
_since = journal.c.at >= bindparam("since")
_entries = select(*ENTRY.columns)
_LATEST_AT = scalar(func.max(journal.c.at), timestamps.optional_from_number)
_START: JournalPosition = (1 << 62, "", 1 << 62)
_END: JournalPosition = (-1, "", -1)
_position = (journal.c.at, journal.c.account_id, journal.c.number)
_after = tuple_(*_position) < tuple_(*(bindparam(column.name, type_=column.type) for column in _position))
_until = tuple_(*_position) >= tuple_(*(bindparam(f"last_{column.name}", type_=column.type) for column in _position))
_after_number = journal.c.number < bindparam("number")
_until_number = journal.c.number >= bindparam("last_number")
_newest_first = [column.desc() for column in _position]
_by_number = journal.c.number.desc()
_filtered = (
    journal.c.event.in_(values_of("events")),
    or_(bindparam("actor", type_=Text) == "", func.lower(journal.c.actor) == bindparam("actor", type_=Text)),
)
_POSITION = mapped(*_position, make=lambda *position: position)
_nth = select(*_POSITION.columns).offset(bindparam("skipped", type_=Integer)).limit(1)
_WINDOW_END = Statement(_nth.where(_since, _after).order_by(*_newest_first), _POSITION)
_WINDOW_END_IN_ACCOUNT = Statement(_nth.where(_of_account, _after_number).order_by(_by_number), _POSITION)
_found = _entries.limit(bindparam("most", type_=Integer))
_FIND = Statement(_found.where(_since, _after, _until, *_filtered).order_by(*_newest_first), ENTRY)
_FIND_IN_ACCOUNT = Statement(
    _found.where(_of_account, _after_number, _until_number, _since, *_filtered).order_by(_by_number), ENTRY
)
_asked = journal.alias("asked")
_OF_REQUEST = Statement(
    _entries.where(
        _of_account,
        journal.c.number >= bindparam("number"),
        journal.c.number <= bindparam("last_number"),
        journal.c.actor_id == bindparam("actor_id"),
        _since,
        journal.c.request_id
        == select(_asked.c.request_id)
        .where(_asked.c.account_id == bindparam("account_id"), _asked.c.number == bindparam("number"))
        .scalar_subquery(),
    ).order_by(journal.c.number),
    ENTRY,
)
_newest = (
    select(*ENTRY.columns)
    .where(_of_account)
    .order_by(_by_number)
    .limit(bindparam("examined", type_=Integer))
    .subquery("newest")
)
_NEWEST = ENTRY.of(_newest)
_AMONG_NEWEST = Statement(
    select(*_NEWEST.columns).where(_newest.c.event.in_(values_of("events"))).order_by(_newest.c.number.desc()), _NEWEST
)
_LATEST_IN_WINDOW = Statement(select(*_LATEST_AT.columns).where(_of_account, _after_number, _until_number), _LATEST_AT)


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for among the entries of an account, or of all: the newest first, after a position.

    `since` and `events` limit what is found, and so does `actor`, whatever its case; None is everybody.
    """

    account_id: str | None
    after: JournalPosition | None
    since: datetime | None
    events: Collection[Event]
    actor: str | None


def window_end(tx: Transaction, search: Search, *, size: int) -> JournalPosition | None:
    """Return the position of the last of the next `size` entries that a search looks at; None if there are fewer."""
    at, account_id, number = search.after or _START
    if search.account_id is not None:
        return tx.row(_WINDOW_END_IN_ACCOUNT, account_id=search.account_id, number=number, skipped=size - 1)
    since = _earliest(search)
    return tx.row(_WINDOW_END, at=at, account_id=account_id, number=number, since=since, skipped=size - 1)


def find(tx: Transaction, search: Search, *, until: JournalPosition | None, most: int) -> list[Entry]:
    """Return the first `most` entries that a search finds up to the position `until`, None for all that there are.

    Looks at every entry up to there, as no index covers what is searched for: `window_end` bounds how many these are.
    """
    at, account_id, number = search.after or _START
    last_at, last_account_id, last_number = until or _END
    wanted: dict[str, Any] = {
        "events": [event.value for event in search.events],
        "actor": username_key(search.actor or ""),
        "since": _earliest(search),
        "most": most,
    }
    if search.account_id is not None:
        return tx.rows(_FIND_IN_ACCOUNT, account_id=search.account_id, number=number, last_number=last_number, **wanted)
    # SQLite begins at the time alone, not at the whole position.
    wanted["since"] = max(_earliest(search), last_at)
    position = {"at": at, "account_id": account_id, "number": number}
    last = {"last_at": last_at, "last_account_id": last_account_id, "last_number": last_number}
    return tx.rows(_FIND, **position, **last, **wanted)


def among_newest(tx: Transaction, account_id: str, events: Collection[Event], *, examined: int) -> list[Entry]:
    """Return the entries of these events among the `examined` newest of an account, newest first."""
    names = [event.value for event in events]
    return tx.rows(_AMONG_NEWEST, account_id=account_id, events=names, examined=examined)


def of_request(
    tx: Transaction, account_id: str, number: int, *, actor_id: str, since: datetime, most: int
) -> list[Entry]:
    """Return an actor's entry of that number and those of the same request after it, oldest first, `most` at most.

    Empty if the entry is another's, or older than `since`.
    """
    found = tx.rows(
        _OF_REQUEST,
        account_id=account_id,
        number=number,
        last_number=number + most - 1,
        actor_id=actor_id,
        since=timestamps.to_number(since),
    )
    return found if found and found[0].number == number else []


def is_recent(tx: Transaction, search: Search, *, until: JournalPosition) -> bool:
    """Return whether any entry of the window that ends at `until` is as young as a search wants.

    Those of all accounts are in the order of their times, so they are; those of one are in that of their numbers.
    """
    if search.since is None or search.account_id is None:
        return True
    _, _, number = search.after or _START
    _, _, last_number = until
    latest = tx.row(_LATEST_IN_WINDOW, account_id=search.account_id, number=number, last_number=last_number)
    return latest is not None and latest >= search.since


def _earliest(search: Search) -> int:
    return timestamps.to_number(search.since) if search.since else 0


def position_of(entry: Entry) -> JournalPosition:
    """Return an entry's position in the order of all entries: its time, account and number."""
    return timestamps.to_number(entry.at), entry.account_id, entry.number
