"""An account's main pages: its groups and its name."""

import re
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_names, account_overview, groups, projects
from onebucket.actions.account_overview import GroupSize
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.filters import Comparison, ListQuery, Operator
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.surfaces.web.core import table_query
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.table_query import Table

_TABLE = Table(
    {"slug": "slug", "name": "folded name", "members": "members", "level": "level"},
    searched=("slug", "name"),
    filter=table_query.by_level("Default permission", none=True),
    falling=frozenset({"members", "level"}),
)
_DELETED = re.compile("deleted ([a-z0-9_-]{1,62})")


async def show(request: PageRequest) -> Response:
    """List the groups, all for administrators and their own for members, and name the projects."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        def find(query: ListQuery) -> tuple[list[GroupSize], int]:
            return account_overview.listed_groups(work, name, query)

        return {
            "summary": account_overview.account_summary(work, name),
            "projects": projects.listed(work, name),
            "groups": table_query.read(request, _TABLE, find),
            "done": _done_message(request.query("done"), find),
        }

    return request.page("accounts/page.html", **await request.read(load))


def _done_message(done: str, find: Callable[[ListQuery], tuple[list[GroupSize], int]]) -> str:
    """Return the confirmation message named by `done`, unless a group of that slug exists.

    Anyone could have written the URL.
    """
    deleted = _DELETED.fullmatch(done)
    if deleted is None or find(ListQuery(0, filter=Comparison("slug", Operator.EQUAL, deleted[1])))[1]:
        return ""
    return f"Group {deleted[1]} deleted, and the access that it gave its members."


async def create(request: PageRequest) -> Response:
    """Create a group and show it."""
    account, name = request.path_parameter("name"), request.line("name")
    permission = level(request.line("permission"))
    try:
        roster = await request.write(lambda work: groups.create(work, account, name=name, permission=permission))
    except (Invalid, Conflict) as refusal:
        raise FormErrors(name=refusal.sentence) from None
    return request.redirect(f"/accounts/{roster.owner.username}/groups/{roster.group.slug}?done=made")


def level(name: str) -> Level:
    """Read the level chosen in a form; an empty choice is `NONE`. Raises Invalid."""
    return privileges.parse_level(name or "none", none=True)


async def settings(request: PageRequest) -> Response:
    """Show the account's name settings, for its administrators."""
    name = request.path_parameter("name")
    summary = await request.read(lambda work: account_overview.account_settings(work, name))
    done = "Name saved." if request.query("done") == "named" else ""
    return request.page("accounts/settings.html", summary=summary, done=done)


async def change(request: PageRequest) -> Response:
    """Change the account's display name."""
    name, display_name = request.path_parameter("name"), request.line("display_name")
    try:
        account = await request.write(lambda work: account_names.rename(work, name, display_name))
    except Invalid as refusal:
        raise FormErrors(display_name=refusal.sentence) from None
    return request.redirect(f"/accounts/{account.username}/settings?done=named")


PAGES = (
    Page("/accounts/{name}", show, is_private=True),
    Page("/accounts/{name}/groups", show, create, is_private=True),
    Page("/accounts/{name}/settings", settings, change, is_private=True),
)
