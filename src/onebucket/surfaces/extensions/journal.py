"""Handler of `/api/journal`: one page of the journal, newest entries first."""

import re

from msgspec import Struct

from onebucket.actions import journal
from onebucket.actions.journal import JournalFilter, JournalPage
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import journal_cursor, scope_rules, time_range
from onebucket.domain.events import Event
from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text
from onebucket.surfaces.core.shared_shapes import EntryShape, entry_shape
from onebucket.surfaces.core.surface import TIME_SCHEMA, ApiRequest, Parameter, Route

USUAL, MOST = 100, 1000

_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)


class PageShape(Struct, frozen=True):
    """A page of the journal. `next` is what to give as `before` for the page after this one; null on the last."""

    entries: list[EntryShape]
    next: str | None


def list_entries(work: UnitOfWork, request: ApiRequest) -> PageShape:
    """List the journal entries of an account, or of all accounts, newest first."""
    account, since, event, before = (last_value(request, name) for name in ("account", "since", "event", "before"))
    filter = JournalFilter(
        since=time_range.parse(since, what="since") if since is not None else None,
        event=_parse_event(event) if event is not None else None,
        actor=last_value(request, "actor"),
    )
    after = journal_cursor.parse_cursor(before) if before is not None else None

    return _page(
        journal.page(work, account, wanted=filter, after=after, at_most=page_size(last_value(request, "limit")))
    )


def _page(page: JournalPage) -> PageShape:
    entries = [entry_shape(entry) for entry in page.entries]
    return PageShape(entries, journal_cursor.to_cursor(page.next_cursor) if page.next_cursor else None)


def last_value(request: ApiRequest, name: str) -> str | None:
    """Return the last value of a query parameter; None without one."""
    values = request.query.get(name, ())
    return values[-1] if values else None


def _parse_event(text: str) -> Event:
    try:
        return Event(text)
    except ValueError:
        raise Invalid(f"there is no event {quote_text(text)}") from None


def page_size(text: str | None) -> int:
    """Parse the `limit` of a page. Raises Invalid."""
    if text is None:
        return USUAL
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise Invalid(f"limit must be 1 to {MOST}")
    return int(text)


_QUERY = (
    Parameter("account", "whose journal; default: all accounts, for site administrators"),
    Parameter("since", "only entries since this time; UTC unless it has an offset", TIME_SCHEMA),
    Parameter("event", "only entries of this event", {"type": "string", "enum": [event.value for event in Event]}),
    Parameter("actor", "only entries of this actor, by the name in the journal"),
    Parameter("before", "the `next` of the previous page", {"type": "string",
              "pattern": f"^{journal_cursor.PATTERN}$"}),
    Parameter("limit", "the most entries of a page",
              {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
)  # fmt: skip

ROUTES = (
    Route("GET", "/journal", list_entries, scope_rules.READ_JOURNAL, "readJournal",
          "The journal (audit log) of one account or all, newest entry first", PageShape,
          query=_QUERY, errors=(400, 403, 404)),
)  # fmt: skip
