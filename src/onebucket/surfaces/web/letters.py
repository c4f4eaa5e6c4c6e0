"""Letters that wait, fail or were given up, for whoever runs the site."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import outbox
from onebucket.actions.work import Work
from onebucket.surfaces.web.visit import Page, Visit


async def show(visit: Visit) -> Response:
    """Those with trouble, and the latest."""

    def listed(work: Work) -> dict[str, Any]:
        count, since = outbox.waiting(work)
        return {"troubled": outbox.troubled(work), "newest": outbox.newest(work), "count": count, "since": since}

    return visit.page("letters/page.html", done=visit.query("done") == "again", **await visit.look(listed))


async def try_again(visit: Visit) -> Response:
    """Let one that failed be tried now."""
    account_id, id = visit.word("account_id"), visit.word("id")
    await visit.change(lambda work: outbox.try_again(work, account_id, id))
    return visit.go("/site/letters?done=again")


PAGES = (
    Page("/site/letters", show, is_private=True),
    Page("/site/letters/{account_id}/{id}/try-again", show, try_again, is_private=True),
)
