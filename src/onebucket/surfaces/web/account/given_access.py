"""The form that gives several people a level on several repositories, inviting who has no account, after a preview."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, given_access
from onebucket.actions.given_access import Gift
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.refusals import Conflict, Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.account.repositories import REVISION
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def show(request: PageRequest) -> Response:
    """Show the form; the query may name a person or a repository."""
    name = request.path_parameter("name")
    summary = await request.read(lambda work: account_overview.summary_for_visitors(work, name))
    if request.query("done") == "given":
        request.notice = "Done. Whoever has an account has the access now; the invitations are on their way."
    return request.page(
        "given/page.html", summary=summary, person=request.query("person"), repository=request.query("repository")
    )


async def send(request: PageRequest) -> Response:
    """Preview who gets what; with a revision, give it.

    If the account has changed since the preview, show a new preview instead.
    """
    name, gift = request.path_parameter("name"), _gift(request)
    if not request.has("revision"):
        return await _preview(request, gift)
    if not REVISION.fullmatch(request.line("revision")):
        raise Invalid("preview the changes first")
    revision = int(request.line("revision"))
    try:
        await request.write(lambda work: given_access.apply(work, name, gift, revision=revision))
    except PlanOutdated as refusal:
        return await _preview(request, gift, message=refusal.sentence, status=409)
    except Conflict as refusal:
        raise FormErrors(people=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/give?done=given")


def _gift(request: PageRequest) -> Gift:
    """Read the form. Raises FormErrors."""
    people, repositories = request.words("people"), request.words("repositories")
    errors = {}
    if not people:
        errors["people"] = "enter a username or an e-mail address"
    if not repositories:
        errors["repositories"] = "enter the slug of a repository"
    if errors:
        raise FormErrors(**errors)
    return Gift(people, repositories, privileges.parse_level(request.line("level")), parsed_end(request, "last_day"))


async def _preview(request: PageRequest, gift: Gift, message: str = "", status: int = 200) -> Response:
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        planned = given_access.plan(work, name, gift)
        return {"summary": account_overview.summary_for_visitors(work, name), "plan": planned}

    try:
        context = await request.read(load)
    except (Invalid, NotFound) as refusal:
        raise error_beside(refusal, until="last_day") from None
    effects = access_changes.effects_of(context["plan"].effects)
    return request.page("given/preview.html", status=status, error=message, effects=effects, gift=gift, **context)


PAGES = (Page("/accounts/{name}/give", show, send, is_private=True, is_costly=True),)
