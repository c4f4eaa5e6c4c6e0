"""The journal of one account or of all: each entry as a sentence, and the result of checking the hash chain."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, journal
from onebucket.actions.journal import JournalFilter
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import journal_cursor, time_range
from onebucket.domain.events import Event
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import sentence

USUAL = 50

# Entries whose hash chain is checked on each view, and when asked for; longer journals are checked by the command.
EXAMINED, MOST_EXAMINED = 1000, 20_000


async def of_account(request: PageRequest) -> Response:
    """Show an account's journal, newest first."""
    return await _journal_page(request, request.path_parameter("name"))


async def of_site(request: PageRequest) -> Response:
    """Show the journal of all accounts, or of one that may have been deleted, newest first."""
    return await _journal_page(request, None, request.query("account").strip() or None)


async def _journal_page(request: PageRequest, name: str | None, account: str | None = None) -> Response:
    status, filter, before = 200, JournalFilter(), None
    try:
        filter = _read_filter(request)
        before = journal_cursor.parse_cursor(request.query("before")) if request.query("before") else None
    except Invalid as refusal:
        status, request.errors = request.backend.status(refusal) or 400, {"": sentence(refusal)}

    def read(work: UnitOfWork) -> dict[str, Any]:
        page = journal.page(work, name or account, wanted=filter, after=before, at_most=USUAL)
        if name is None:
            return {"page": page}
        return {"page": page, **verified(request, work, name)}

    try:
        context = await request.read(read)
    except NotFound as refusal:
        if account is None:
            raise
        status, request.errors = request.backend.status(refusal) or 404, {"": sentence(refusal)}
        context = {"page": journal.JournalPage([], None)}
    end = context["page"].next_cursor
    return request.page(
        "journal/page.html" if name is not None else "journal/site.html",
        status=status,
        events=[event.value for event in Event],
        query={key: request.query(key) for key in ("account", "event", "actor", "about", "since")},
        older=request.same_page({"before": journal_cursor.to_cursor(end), "verified": ""}) if end else "",
        **context,
    )


def verified(request: PageRequest, work: UnitOfWork, name: str) -> dict[str, Any]:
    """Return an account's summary and whether its journal is intact, for pages that show what comes from it."""
    limit = MOST_EXAMINED if request.query("verified") == "yes" else EXAMINED
    return {
        "summary": account_overview.account_summary(work, name),
        "chain": journal.examine(work, name, at_most=limit),
        "is_full_check": limit == MOST_EXAMINED,
    }


def _read_filter(request: PageRequest) -> JournalFilter:
    """Read the filter from the query. Raises Invalid."""
    event, since = request.query("event"), request.query("since")
    if event and event not in {known.value for known in Event}:
        raise Invalid("there is no such event")
    return JournalFilter(
        since=time_range.parse(since, what="since") if since else None,
        event=Event(event) if event else None,
        actor=request.query("actor").strip() or None,
        about=request.query("about").strip() or None,
    )


PAGES = (
    Page("/accounts/{name}/journal", of_account, is_private=True, is_costly=True),
    Page("/site/journal", of_site, is_private=True, is_costly=True, is_guarded_by_factor=True, is_of_site=True),
)
