"""The form with what groups and people have on a project."""

from collections.abc import Iterator

from starlette.responses import Response

from onebucket.actions import project_plans, projects
from onebucket.actions.project_plans import GrantChange, PlannedGrant
from onebucket.domain import ends
from onebucket.domain.projects import ProjectLevel, parse_project_level
from onebucket.surfaces.web.account.permission_form import PermissionForm
from onebucket.surfaces.web.account.projects import PROJECT, chosen_levels, show
from onebucket.surfaces.web.core.form_fields import parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def send(request: PageRequest) -> Response:
    """Preview the form's changes, or make them."""
    return await _FORM.send(request, [*_changes(request)])


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


def _describe(_: PlannedGrant, level: ProjectLevel) -> str:
    return level.word if level else "nothing"


_FORM = PermissionForm(
    "projects",
    "key",
    project_plans.plan,
    project_plans.apply,
    projects.read,
    {
        "nobody": "the project has no repositories, or people have the same access in another way",
        "not_set": "",
        "describe": _describe,
    },
)
PAGES = (Page(f"{PROJECT}/permissions", show, send, is_private=True, is_costly=True),)
