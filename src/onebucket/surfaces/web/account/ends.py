"""The page of what ends in an account: to administrators all of it, each with a date to move; to others their own."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import ending_access
from onebucket.actions.ending_access import EndedPlace, Ending
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.ends import NEVER, SOON, EndKind
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.surfaces.web.core import csrf
from onebucket.surfaces.web.core.form_fields import parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# A row has a form, so fewer than of other lists fit into a page of 100 KB.
_MOST = 25


async def show(request: PageRequest) -> Response:
    """List what ends, the first first."""
    account = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        found = ending_access.of_account(work, account)
        page = paginate(request, found.endings, _words, most=_MOST)
        return {"summary": found.summary, "endings": page, "ask": found.ask, "soon": work.at + SOON}

    if request.query("done") == "moved":
        request.notice = "The end is saved."
    return request.page("ends/page.html", **await request.read(load))


def _words(ending: Ending) -> str:
    return f"{ending.end.holder} {ending.end.place}"


async def move(request: PageRequest) -> Response:
    """Let something end at another time, or not at all if the field is empty; return to the page of the form."""
    account = request.path_parameter("name")
    what = EndedPlace(_kind(request), request.line("place"), request.line("holder"))
    try:
        until = parsed_end(request) or NEVER
        await request.write(lambda work: ending_access.move(work, account, what, until))
    except (Invalid, NotFound) as refusal:
        raise FormErrors(**{"": refusal.sentence}) from None
    here = csrf.local_address(request.line("next")) or f"/accounts/{request.segment('name')}/ends?done=moved"
    return request.redirect(here)


def _kind(request: PageRequest) -> EndKind:
    try:
        return EndKind(request.line("kind"))
    except ValueError:
        raise Invalid("choose what is to end") from None


PAGES = (Page("/accounts/{name}/ends", show, move, is_private=True),)
