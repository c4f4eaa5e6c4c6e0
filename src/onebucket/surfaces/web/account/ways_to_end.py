"""The page that ends one way in which a person has access, after a preview of who gains and who loses what."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import account_overview, ways_to_end
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.actions.ways_to_end import Giver, Way
from onebucket.domain.refusals import Conflict, Invalid, LastAdministrator, PlanOutdated
from onebucket.surfaces.web.account.permission_form import REVISION
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import sentence


async def preview(request: PageRequest) -> Response:
    """Show who would gain and lose what."""
    # After a form that was refused, the page is shown again with what was sent.
    return await _preview(request, _way(request.line if request.has("way") else request.query))


async def end(request: PageRequest) -> Response:
    """End the way, and show what the person can do now; if the account has changed, show a new preview instead."""
    name, way = request.path_parameter("name"), _way(request.line)
    if not REVISION.fullmatch(request.line("revision")):
        raise Invalid("preview the changes first")
    revision = int(request.line("revision"))
    try:
        await request.write(lambda work: ways_to_end.end(work, name, way, revision=revision))
    except (PlanOutdated, LastAdministrator, Conflict) as refusal:
        status = request.backend.status(refusal) or 409
        return await _preview(request, way, message=sentence(refusal), status=status)
    asked = {"person": way.person, "repository": way.repository, "ended": way.giver.value}
    names = {"group": way.group, "project": way.project}
    query = urlencode(asked | {field: value for field, value in names.items() if value})
    return request.redirect(f"/accounts/{request.segment('name')}/ask?{query}#answer")


def _way(field: Callable[[str], str]) -> Way:
    """Read a way from the query or the form. Raises Invalid."""
    try:
        giver = Giver(field("way"))
    except ValueError:
        raise Invalid("there is no such way to end") from None
    return Way(giver, *(field(name).strip() for name in ("person", "repository", "group", "project")))


async def _preview(request: PageRequest, way: Way, message: str = "", status: int = 200) -> Response:
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        planned = ways_to_end.plan(work, name, way)
        return {"summary": account_overview.account_summary(work, name), "plan": planned}

    context = await request.read(load)
    effects = access_changes.effects_of(context["plan"].effects)
    request.errors = {"": message} if message else {}
    return request.page("access_check/end.html", status=status, way=way, effects=effects, **context)


PAGES = (Page("/accounts/{name}/ask/end", preview, end, is_private=True, is_costly=True),)
