"""The page that undoes what its reader has just done."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from onebucket.actions import account_overview, undo
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.refusals import NotFound
from onebucket.surfaces.web.core import csrf, toasts
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.toasts import Toast

UNDO = "/accounts/{name}/journal/{number}/undo"

_NUMBER = re.compile("[0-9]{1,9}")

# Pages whose addresses hold a name that a change can alter: the part before it, and the fact that has it.
_NAMED = {
    Event.GROUP_CHANGED: ("groups", "slug"),
    Event.REPOSITORY_CHANGED: ("repositories", "slug"),
    Event.PROJECT_CHANGED: ("projects", "key"),
}


async def show(request: PageRequest) -> Response:
    """Show what would be undone."""
    account, number = request.path_parameter("name"), _number(request)

    def load(work: UnitOfWork) -> dict[str, Any]:
        entries = undo.find(work, account, number)
        return {
            "summary": account_overview.summary_for_visitors(work, account),
            "shown": Toast(entries, undo.has_opposite(entries)),
        }

    return request.page("journal/undo.html", next=_next(request), **await request.read(load))


async def send(request: PageRequest) -> Response:
    """Undo it, and return to the page of the toast."""
    account, number = request.path_parameter("name"), _number(request)
    undone = await request.write(lambda work: undo.undo(work, account, number))
    # No page has a confirmation of its own for it.
    return toasts.announce(request.redirect(_as_before(_next(request), undone)), request.entries, always=True)


def _number(request: PageRequest) -> int:
    number = request.path_parameter("number")
    if not _NUMBER.fullmatch(number):
        raise NotFound("there is no page at this address")
    return int(number)


def _next(request: PageRequest) -> str:
    return csrf.local_address(request.line("next")) or f"/accounts/{request.segment('name')}"


def _as_before(address: str, undone: Iterable[Entry]) -> str:
    """Return the address of the same page after what was renamed has its old name again."""
    for entry in undone:
        place, fact = _NAMED.get(entry.event, ("", ""))
        was, now = (quote(str((facts or {}).get(fact, "")), safe="") for facts in (entry.before, entry.after))
        if place and was != now:
            address = re.sub(rf"(?<=/{place}/){re.escape(now)}(?=[/?#]|$)", was, address)
    return address


PAGES = (Page(UNDO, show, send, is_private=True),)
