"""The form with what groups and people have on a repository."""

from collections.abc import Iterator

from starlette.responses import Response

from onebucket.actions import privileges, repository_plans
from onebucket.actions.repository_plans import PermissionChange, PlannedPermission
from onebucket.domain import ends
from onebucket.domain.privileges import Level, parse_level
from onebucket.surfaces.web.account.permission_form import PermissionForm
from onebucket.surfaces.web.account.repositories import NOT_SET, REPOSITORY, chosen_levels, show
from onebucket.surfaces.web.core.form_fields import parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def send(request: PageRequest) -> Response:
    """Preview the form's changes, or make them."""
    return await _FORM.send(request, [*_changes(request)])


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


def _describe(change: PlannedPermission, level: Level | None) -> str:
    if level is None:
        return "the default" if change.is_group else "nothing"
    return level.word if level else "no access"


_FORM = PermissionForm(
    "repositories",
    "slug",
    repository_plans.plan,
    repository_plans.apply,
    privileges.list_direct,
    {
        "nobody": "they have the same access in another way, or the groups have no members",
        "not_set": NOT_SET,
        "describe": _describe,
    },
)
PAGES = (Page(f"{REPOSITORY}/permissions", show, send, is_private=True, is_costly=True),)
