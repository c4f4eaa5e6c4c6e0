"""The form with what groups and people have on a project: a preview of who gains and who loses, then the change."""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, project_plans, projects
from onebucket.actions.project_plans import GrantChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.projects import ProjectLevel, parse_project_level
from onebucket.domain.refusals import Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.account.projects import PROJECT, chosen_levels, show
from onebucket.surfaces.web.account.repositories import REVISION
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def send(request: PageRequest) -> Response:
    """Preview the form's changes; with a revision, make them.

    If the account has changed since the preview, show a new preview instead.
    """
    account, key, changes = request.path_parameter("name"), request.path_parameter("key"), [*_changes(request)]
    if not request.has("revision"):
        return await _preview(request, changes)
    if not REVISION.fullmatch(request.line("revision")):
        raise Invalid("preview the changes first")
    revision = int(request.line("revision"))
    try:
        await request.write(lambda work: project_plans.apply(work, account, key, changes, revision=revision))
    except PlanOutdated as refusal:
        return await _preview(request, changes, message=refusal.sentence, status=409)
    try:
        await request.read(lambda work: projects.read(work, account, key))
    except NotFound:
        # They took it from themselves.
        return request.redirect("/me")
    return request.redirect(f"{_address(request)}?done=permissions")


async def _preview(request: PageRequest, changes: list[GrantChange], message: str = "", status: int = 200) -> Response:
    account, key = request.path_parameter("name"), request.path_parameter("key")

    def load(work: UnitOfWork) -> dict[str, Any]:
        plan = project_plans.plan(work, account, key, changes)
        return {"summary": account_overview.summary_for_visitors(work, account), "plan": plan}

    try:
        context = await request.read(load)
    except (Invalid, NotFound) as refusal:
        if not request.line("holder"):
            raise
        raise error_beside(refusal, "holder", until="until" if request.line("until") else "holder") from None
    effects = access_changes.effects_of(context["plan"].effects)
    return request.page("projects/preview.html", status=status, error=message, effects=effects, **context)


def _changes(request: PageRequest) -> Iterator[GrantChange]:
    """Yield the changes: levels chosen in the list, and the group or person typed below it. Raises Invalid."""
    for kind, name, before, after in chosen_levels(request):
        until = ends.parse(request.line(f"until:{kind}:{name}")) if request.has(f"until:{kind}:{name}") else None
        yield GrantChange(kind == "group", name, _level(before), _level(after), until)
    if name := request.line("holder"):
        kind, value = request.line("kind"), request.line("level")
        if kind not in ("group", "user"):
            raise FormErrors(kind="choose a group or a person")
        yield GrantChange(kind == "group", name, None, parse_project_level(value), parsed_end(request))


def _level(value: str) -> ProjectLevel:
    return ProjectLevel.NONE if value == ProjectLevel.NONE.word else parse_project_level(value)


def _address(request: PageRequest) -> str:
    return f"/accounts/{request.segment('name')}/projects/{request.segment('key')}"


PAGES = (Page(f"{PROJECT}/permissions", show, send, is_private=True, is_costly=True),)
