"""Requests for access in an account, for its administrators: what waits, granted or denied in one list."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import access_requests, account_overview
from onebucket.actions.access_requests import QueuedRequest
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, privileges
from onebucket.domain.ends import NEVER
from onebucket.domain.privileges import Level
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# Answers that are listed below what waits; the journal has all of them.
_MOST_ANSWERED = 50

DONE = {
    "granted": "Granted. The person gets an e-mail.",
    "denied": "Denied. The person gets an e-mail with your sentence.",
}


async def show(request: PageRequest) -> Response:
    """List what waits, with the forms that answer it, and the latest answers."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        waiting, answered = access_requests.queue(work, name)
        return {
            "summary": account_overview.account_summary(work, name),
            "waiting": paginate(request, waiting, _words, most=25),
            "answered": answered[:_MOST_ANSWERED],
        }

    context = await request.read(load)
    return request.page(
        "requests/queue.html",
        done=DONE.get(request.query("done"), ""),
        answering=request.request.path_params.get("id", ""),
        levels=[Level.ADMIN, Level.WRITE, Level.READ],
        **context,
    )


def _words(queued: QueuedRequest) -> str:
    person = queued.request.person
    return f"{person.username} {person.display_name} {queued.request.slug}"


async def grant(request: PageRequest) -> Response:
    """Give what was asked for, or less, until the date in the form; for good if that is empty."""
    id, level = request.path_parameter("id"), privileges.parse_level(request.line("level"))
    # The day that was asked for is left as it is: it may end at another time than the last second of it.
    is_changed = request.line("until") != request.line("asked_until")
    until = (ends.parse(request.line("until")) if request.line("until") else NEVER) if is_changed else None
    await request.write(lambda work: access_requests.grant(work, id, level, until))
    return request.redirect(f"/accounts/{request.segment('name')}/requests?done=granted")


async def deny(request: PageRequest) -> Response:
    """Deny the request with the sentence in the form."""
    id, sentence = request.path_parameter("id"), request.line("sentence")
    await request.write(lambda work: access_requests.deny(work, id, sentence))
    return request.redirect(f"/accounts/{request.segment('name')}/requests?done=denied")


_QUEUE = "/accounts/{name}/requests"
PAGES = (
    Page(_QUEUE, show, is_private=True),
    Page(f"{_QUEUE}/{{id}}/grant", show, grant, is_private=True),
    Page(f"{_QUEUE}/{{id}}/deny", show, deny, is_private=True),
)
