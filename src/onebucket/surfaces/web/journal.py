"""The journal on pages: of one account, or of all; each entry a sentence, and whether it is whole."""

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from onebucket.actions import journal, overviews
from onebucket.actions.journal import Wanted
from onebucket.actions.work import Work
from onebucket.domain import places
from onebucket.domain.events import Event
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.web.visit import Page, Visit, sentence

USUAL = 50

# So many entries are examined while one waits; of longer journals the command tells.
MOST_EXAMINED = 20_000


async def of_account(visit: Visit) -> Response:
    """What happened to an account, newest first."""
    return await _shown(visit, visit.word("name"))


async def of_site(visit: Visit) -> Response:
    """What happened to all accounts, newest first."""
    return await _shown(visit, None)


async def _shown(visit: Visit, name: str | None) -> Response:
    status, wanted, before = 200, Wanted(), None
    try:
        wanted = _wanted(visit)
        before = places.named(visit.query("before")) if visit.query("before") else None
    except Invalid as refusal:
        status, visit.errors = visit.desk.status(refusal) or 400, {"": sentence(refusal)}

    def read(work: Work) -> dict[str, Any]:
        page = journal.page(work, name, wanted=wanted, after=before, at_most=USUAL)
        place = overviews.place(work, name) if name is not None else None
        asked = name is not None and visit.query("verified") == "yes"
        chain = journal.examined(work, name, at_most=MOST_EXAMINED) if asked and name is not None else None
        return {"page": page, "place": place, "is_asked": asked, "chain": chain}

    seen = await visit.look(read)
    end = seen["page"].end
    return visit.page(
        "journal/page.html" if name is not None else "journal/site.html",
        status=status,
        events=[event.value for event in Event],
        asked={key: visit.query(key) for key in ("event", "actor", "about", "since")},
        older=visit.again({"before": places.cursor(end), "verified": ""}) if end else "",
        **seen,
    )


def _wanted(visit: Visit) -> Wanted:
    """What the query asks for. Raises Invalid."""
    event, since = visit.query("event"), visit.query("since")
    if event and event not in {each.value for each in Event}:
        raise Invalid("there is no such event")
    try:
        moment = datetime.fromisoformat(since) if since else None
    except ValueError:
        raise Invalid("since is no date such as 2026-03-04") from None
    return Wanted(
        since=moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC),
        event=Event(event) if event else None,
        actor=visit.query("actor").strip() or None,
        about=visit.query("about").strip() or None,
    )


PAGES = (
    Page("/accounts/{name}/journal", of_account, is_private=True),
    Page("/site/journal", of_site, is_private=True),
)
