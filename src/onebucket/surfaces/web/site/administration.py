"""Site administration: people, teams, OAuth apps and the settings in force."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, consumers, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate


async def show(request: PageRequest) -> Response:
    """List people, teams and OAuth apps, each with a search, and the settings in force."""

    def load(work: UnitOfWork) -> dict[str, Any]:
        orphaned = {account.id for account in teams.without_administrator(work)}
        return {
            "everybody": account_overview.everybody(work),
            "orphaned": orphaned,
            "consumers": consumers.list_consumers(work),
        }

    context = await request.read(load)
    accounts = context.pop("everybody")

    def search_text(account: Account) -> str:
        return f"{account.display_name} {account.username}"

    context |= {
        "people": paginate(
            request,
            [account for account in accounts if not account.is_team],
            search_text,
            find="people",
            start="person",
        ),
        "teams": paginate(
            request, [account for account in accounts if account.is_team], search_text, find="teams", start="team"
        ),
    }
    oauth_apps = paginate(
        request,
        context.pop("consumers"),
        lambda app: f"{app[1].label} {app[1].key} {search_text(app[0])}",
        find="programs",
        start="program",
    )
    return request.page("site/page.html", oauth_apps=oauth_apps, **context)


PAGES = (Page("/site", show, is_private=True, is_guarded_by_factor=True, is_of_site=True),)
