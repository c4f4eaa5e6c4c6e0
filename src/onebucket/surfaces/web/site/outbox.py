"""The outbox, for site administrators: letters that wait, fail or were given up."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import outbox
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.web.core.page_request import Page, PageRequest


async def show(request: PageRequest) -> Response:
    """Show the failing letters and the newest ones."""

    def load(work: UnitOfWork) -> dict[str, Any]:
        count, since = outbox.waiting(work)
        return {"failing": outbox.list_failing(work), "newest": outbox.newest(work), "count": count, "since": since}

    return request.page("letters/outbox.html", done=request.query("done") == "again", **await request.read(load))


async def try_again(request: PageRequest) -> Response:
    """Retry a failed letter now."""
    account_id, id = request.path_parameter("account_id"), request.path_parameter("id")
    await request.write(lambda work: outbox.retry(work, account_id, id))
    return request.redirect("/site/letters?done=again")


PAGES = (
    Page("/site/letters", show, is_private=True, is_guarded_by_factor=True, is_of_site=True),
    Page(
        "/site/letters/{account_id}/{id}/try-again",
        show,
        try_again,
        is_private=True,
        is_guarded_by_factor=True,
        is_of_site=True,
    ),
)
