"""Site administration: people, teams, OAuth apps and the settings in force."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, consumers, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate


async def show(visit: PageRequest) -> Response:
    """List people, teams and OAuth apps, each with a search, and the settings in force."""

    def found(work: UnitOfWork) -> dict[str, Any]:
        orphaned = {each.id for each in teams.without_administrator(work)}
        return {
            "everybody": account_overview.everybody(work),
            "orphaned": orphaned,
            "consumers": consumers.list_consumers(work),
        }

    seen = await visit.read(found)
    everybody = seen.pop("everybody")

    def words(each: Account) -> str:
        return f"{each.display_name} {each.username}"

    seen |= {
        "people": paginate(
            visit, [each for each in everybody if not each.is_team], words, find="people", start="person"
        ),
        "teams": paginate(visit, [each for each in everybody if each.is_team], words, find="teams", start="team"),
    }
    programs = paginate(
        visit,
        seen.pop("consumers"),
        lambda each: f"{each[1].label} {each[1].key} {words(each[0])}",
        find="programs",
        start="program",
    )
    return visit.page("site/page.html", programs=programs, **seen)


PAGES = (Page("/site", show, is_private=True),)
