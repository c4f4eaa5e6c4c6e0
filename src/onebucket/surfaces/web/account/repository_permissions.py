"""The form with what groups and people have on a repository: a preview of who gains and who loses, then the change."""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, privileges, repository_plans
from onebucket.actions.repository_plans import PermissionChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.privileges import Level, parse_level
from onebucket.domain.refusals import Forbidden, Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.account.repositories import NOT_SET, REPOSITORY, REVISION, chosen_levels, show
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def send(request: PageRequest) -> Response:
    """Preview the form's changes; with a revision, make them.

    If the account has changed since the preview, show a new preview instead.
    """
    account, slug, changes = request.path_parameter("name"), request.path_parameter("slug"), [*_changes(request)]
    if not request.has("revision"):
        return await _preview(request, changes)
    if not REVISION.fullmatch(request.line("revision")):
        raise Invalid("preview the changes first")
    revision = int(request.line("revision"))
    try:
        await request.write(lambda work: repository_plans.apply(work, account, slug, changes, revision=revision))
    except PlanOutdated as refusal:
        return await _preview(request, changes, message=refusal.sentence, status=409)
    try:
        await request.read(lambda work: privileges.list_direct(work, account, slug))
    except (NotFound, Forbidden):
        # They took it from themselves.
        return request.redirect("/me")
    address = f"/accounts/{request.segment('name')}/repositories/{request.segment('slug')}"
    return request.redirect(f"{address}?done=permissions")


async def _preview(
    request: PageRequest, changes: list[PermissionChange], message: str = "", status: int = 200
) -> Response:
    account, slug = request.path_parameter("name"), request.path_parameter("slug")

    def load(work: UnitOfWork) -> dict[str, Any]:
        plan = repository_plans.plan(work, account, slug, changes)
        return {"summary": account_overview.summary_for_visitors(work, account), "plan": plan}

    try:
        context = await request.read(load)
    except (Invalid, NotFound) as refusal:
        if not request.line("holder"):
            raise
        until = "until" if request.line("until") else "holder"
        raise error_beside(refusal, "holder", until=until, level="level") from None
    effects = access_changes.effects_of(context["plan"].effects)
    return request.page(
        "repositories/preview.html", status=status, error=message, effects=effects, not_set=NOT_SET, **context
    )


def _changes(request: PageRequest) -> Iterator[PermissionChange]:
    """Yield the changes: levels chosen in the list, and the group or person typed below it. Raises Invalid."""
    for kind, name, before, after in chosen_levels(request):
        until = ends.parse(request.line(f"until:{kind}:{name}")) if request.has(f"until:{kind}:{name}") else None
        yield PermissionChange(kind == "group", name, _level(before), _level(after), until=until)
    if name := request.line("holder"):
        kind, value = request.line("kind"), request.line("level")
        if kind not in ("group", "user"):
            raise FormErrors(kind="choose a group or a person")
        yield PermissionChange(kind == "group", name, None, _level(value), is_typed=True, until=parsed_end(request))


def _level(word: str) -> Level | None:
    return None if word == NOT_SET else parse_level(word, none=True)


PAGES = (Page(f"{REPOSITORY}/permissions", show, send, is_private=True, is_costly=True),)
