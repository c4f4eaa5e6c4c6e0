"""Site administration: people, teams, OAuth apps and the settings in force."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, consumers, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.web.core import table_query
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate
from onebucket.surfaces.web.core.table_query import Choice, Table, TableFilter

_COLUMNS = {"username": "username_key", "name": "folded name", "added": "created_at"}
# Nobody has a level on a site: people are filtered by what sets them apart there.
_PEOPLE = Table(
    _COLUMNS,
    searched=("username", "name"),
    filter=TableFilter(
        "state",
        "Only",
        {
            "site-admins": Choice("site administrators", "site_admin", True),
            "disabled": Choice("disabled", "is_active", False),
        },
    ),
    falling=frozenset({"added"}),
    find="people",
    start="person",
)
_TEAMS = Table(
    _COLUMNS,
    searched=("username", "name"),
    falling=frozenset({"added"}),
    find="teams",
    start="team",
    prefix="teams-",
)


async def show(request: PageRequest) -> Response:
    """List people, teams and OAuth apps, each with a search, and the settings in force."""

    def load(work: UnitOfWork) -> dict[str, Any]:
        return {
            "people": table_query.read(request, _PEOPLE, lambda query: account_overview.people_of_site(work, query)),
            "teams": table_query.read(request, _TEAMS, lambda query: account_overview.teams_of_site(work, query)),
            "orphaned": {account.id for account in teams.without_administrator(work)},
            "oauth_apps": paginate(
                request,
                consumers.list_consumers(work),
                lambda app: f"{app[1].label} {app[1].key} {app[0].display_name} {app[0].username}",
                find="programs",
                start="program",
            ),
        }

    if request.query("done") == "deleted":
        request.notice = "The person is deleted."
    return request.page("site/page.html", **await request.read(load))


PAGES = (Page("/site", show, is_private=True, is_guarded_by_factor=True, is_of_site=True),)
