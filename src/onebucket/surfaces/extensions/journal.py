"""Handler of `/api/journal`: one page of the journal, newest entries first."""

import re
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from onebucket.actions import journal
from onebucket.actions.journal import JournalFilter, JournalPage
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import journal_cursor, time_range
from onebucket.domain.events import Event
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import quote_text
from onebucket.surfaces.routing import ApiRequest, Parameter, Route

USUAL, MOST = 100, 1000

_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)


class EntryShape(Struct, frozen=True):
    """What happened to an account, or was attempted in vain: who did what to which subject, before and after.

    `number` counts an account's entries from 1; `hash` is made of all the others and the hash of the entry before.
    """

    number: int
    at: str
    account: str
    account_uuid: str
    actor: str
    actor_uuid: str | None
    credential: str
    address: str | None
    event: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    hash: str


class PageShape(Struct, frozen=True):
    """A page of the journal. `next` is what to give as `before` for the page after this one; null on the last."""

    entries: list[EntryShape]
    next: str | None


def list_entries(work: UnitOfWork, request: ApiRequest) -> PageShape:
    """List the journal entries of an account, or of all accounts, newest first."""
    account, since, event, before = (_last_value(request, name) for name in ("account", "since", "event", "before"))
    filter = JournalFilter(
        since=_parse_time(since) if since is not None else None,
        event=_parse_event(event) if event is not None else None,
        actor=_last_value(request, "actor"),
    )
    after = journal_cursor.parse_cursor(before) if before is not None else None

    return _page(
        journal.page(work, account, wanted=filter, after=after, at_most=_page_size(_last_value(request, "limit")))
    )


def _page(page: JournalPage) -> PageShape:
    entries = [
        EntryShape(
            number=entry.number,
            at=entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            account=entry.account,
            account_uuid=f"{{{entry.account_id}}}",
            actor=entry.actor,
            actor_uuid=f"{{{entry.actor_id}}}" if entry.actor_id else None,
            credential=entry.credential,
            address=entry.address,
            event=entry.event.value,
            subject=entry.subject,
            before=entry.before,
            after=entry.after,
            request_id=entry.request_id,
            hash=entry.hash,
        )
        for entry in page.entries
    ]
    return PageShape(entries, journal_cursor.to_cursor(page.next_cursor) if page.next_cursor else None)


def _last_value(request: ApiRequest, name: str) -> str | None:
    values = request.query.get(name, ())
    return values[-1] if values else None


def _parse_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        raise Invalid(f"since is not a moment such as 2026-03-04 or 2026-03-04T05:06:07Z: {quote_text(text)}") from None
    return time_range.checked(time if time.tzinfo else time.replace(tzinfo=UTC), what="since")


def _parse_event(text: str) -> Event:
    try:
        return Event(text)
    except ValueError:
        raise Invalid(f"there is no event {quote_text(text)}") from None


def _page_size(text: str | None) -> int:
    if text is None:
        return USUAL
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise Invalid(f"limit must be 1 to {MOST}")
    return int(text)


_QUERY = (
    Parameter("account", "whose journal; without it that of all accounts, for whoever runs the site"),
    Parameter("since", "only entries from this moment on, UTC unless it says otherwise",
              {"type": "string", "format": "date-time"}),
    Parameter("event", "only entries of this event", {"type": "string", "enum": [event.value for event in Event]}),
    Parameter("actor", "only what this one did, by the name that the journal has"),
    Parameter("before", "the `next` of the page before", {"type": "string", "pattern": f"^{journal_cursor.PATTERN}$"}),
    Parameter("limit", "how many entries a page may hold",
              {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
)  # fmt: skip

ROUTES = (
    Route("GET", "/journal", list_entries, "journal", "readJournal",
          "What happened to an account, or to all of them, newest first?", PageShape,
          query=_QUERY, errors=(400, 403, 404)),
)  # fmt: skip
