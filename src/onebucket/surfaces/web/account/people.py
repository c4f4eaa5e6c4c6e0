"""Pages of a person in an account: what they have there, and taking all of it away. For its administrators."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import access_reports, account_overview, ending_access, offboarding
from onebucket.actions.offboarding import Offboarding
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import username_key
from onebucket.domain.ends import SOON
from onebucket.domain.filters import Comparison, ListQuery, Operator
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, LastAdministrator
from onebucket.surfaces.web.core import table_query
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.table_query import Table

# The most of what ends that is listed; the account's page of ends has all.
_MOST_ENDS = 25

_TABLE = Table(
    {"username": "username_key", "name": "folded name", "level": "level"},
    searched=("username", "name"),
    filter=table_query.by_level("Highest permission", none=True),
    falling=frozenset({"level"}),
    usual=25,
)
_REMOVED = re.compile("removed ([A-Za-z0-9_.-]{1,62})")


async def show_all(request: PageRequest) -> Response:
    """List everyone in the account, with how much each can reach and through what."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        people = table_query.read(request, _TABLE, lambda query: account_overview.people(work, name, query))
        summaries = access_reports.summaries(work, name, people.items)
        removed = _REMOVED.fullmatch(request.query("done"))
        # Anyone could have written the URL.
        if removed and not account_overview.people(work, name, _named(removed[1]))[1]:
            request.notice = f"Removed {removed[1]}, with everything that they had here."
        return {"summary": account_overview.account_summary(work, name), "people": people, "summaries": summaries}

    return request.page("people/list.html", Level=Level, **await request.read(load))


def _named(username: str) -> ListQuery:
    return ListQuery(0, filter=Comparison("username_key", Operator.EQUAL, username_key(username)))


async def show(request: PageRequest) -> Response:
    """Show what a person has in the account."""
    account, person = request.path_parameter("name"), request.path_parameter("person")

    def load(work: UnitOfWork) -> dict[str, Any]:
        context, endings = _loading(request, offboarding.held)(work), ending_access.of_person(work, account, person)
        ends = {(each.end.kind.value, each.end.place): each.end.until for each in endings}
        return context | {"endings": endings[:_MOST_ENDS], "ends": ends, "soon": work.at + SOON}

    if request.query("done") == "end":
        request.notice = "The end is saved."
    return request.page("people/person.html", **await request.read(load))


async def ask_to_remove(request: PageRequest) -> Response:
    """Preview what a person loses by being removed from the account."""
    return request.page("people/remove.html", **await request.read(_loading(request, offboarding.plan)))


async def remove(request: PageRequest) -> Response:
    """Take everything in the account away from a person."""
    account, person = request.path_parameter("name"), request.path_parameter("person")
    await end_access(request, person, account)
    return request.redirect(f"/accounts/{request.segment('name')}/people?{urlencode({'done': f'removed {person}'})}")


async def end_access(request: PageRequest, person: str, account: str | None) -> None:
    """End everything that a person has, in an account or everywhere; a refusal becomes the form's error."""
    try:
        await request.write(lambda work: offboarding.offboard(work, person, account))
    except (Conflict, LastAdministrator) as refusal:
        raise FormErrors(**{"": refusal.sentence}) from None


def _loading(
    request: PageRequest, find: Callable[[UnitOfWork, str, str], Offboarding]
) -> Callable[[UnitOfWork], dict[str, Any]]:
    account, person = request.path_parameter("name"), request.path_parameter("person")

    def load(work: UnitOfWork) -> dict[str, Any]:
        found = find(work, person, account)
        held = found.accounts[0] if found.accounts else None
        return {"summary": account_overview.account_summary(work, account), "person": found.person, "held": held}

    return load


_PEOPLE = "/accounts/{name}/people"
PAGES = (
    Page(_PEOPLE, show_all, is_private=True, is_costly=True),
    Page(f"{_PEOPLE}/{{person}}", show, is_private=True),
    Page(f"{_PEOPLE}/{{person}}/remove", ask_to_remove, remove, is_private=True, is_costly=True),
)
