"""The site, for whoever runs it: its people, its teams, their OAuth consumers, and the settings in force."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import consumers, overviews, teams
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.surfaces.web.lists import cut
from onebucket.surfaces.web.visit import Page, Visit


async def show(visit: Visit) -> Response:
    """Everybody and every team, with a word to find some of them, and the settings."""

    def found(work: Work) -> dict[str, Any]:
        orphaned = {each.id for each in teams.without_administrator(work)}
        return {
            "everybody": overviews.everybody(work),
            "orphaned": orphaned,
            "consumers": consumers.listed(work),
        }

    seen = await visit.look(found)
    everybody = seen.pop("everybody")

    def words(each: Account) -> str:
        return f"{each.display_name} {each.username}"

    seen |= {
        "people": cut(visit, [each for each in everybody if not each.is_team], words, find="people", start="person"),
        "teams": cut(visit, [each for each in everybody if each.is_team], words, find="teams", start="team"),
    }
    programs = cut(
        visit,
        seen.pop("consumers"),
        lambda each: f"{each[1].label} {each[1].key} {words(each[0])}",
        find="programs",
        start="program",
    )
    return visit.page("site/page.html", programs=programs, **seen)


PAGES = (Page("/site", show, is_private=True),)
