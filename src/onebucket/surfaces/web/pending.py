"""An account's pending invitations, for whoever administers it: what has become of each, sending again, withdrawing."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from onebucket.actions import invitations
from onebucket.actions.work import Work
from onebucket.surfaces.web.visit import Handler, Page, Visit

DONE = {
    "resent": "The invitation is sent again, with a new link; the old link is dead.",
    "withdrawn": "The invitation is withdrawn, and its link is dead.",
}


async def show(visit: Visit) -> Response:
    """The list."""
    name = visit.word("name")

    def listed(work: Work) -> dict[str, Any]:
        owner, _ = invitations.to_groups(work, name)
        found = [each for _, each in invitations.found(work, account_name=name)]
        return {"owner": owner, "pending": found, "now": work.at}

    return visit.page("invitations/pending.html", done=DONE.get(visit.query("done"), ""), **await visit.look(listed))


def _with_one(action: Callable[[Work, str], object], done: str) -> Handler:
    async def send(visit: Visit) -> Response:
        id = visit.word("id")
        await visit.change(lambda work: action(work, id))
        return visit.go(f"/accounts/{visit.word('name')}/invitations?done={done}")

    return send


_ONE = "/accounts/{name}/invitations/{id}"
PAGES = (
    Page("/accounts/{name}/invitations", show, is_private=True),
    Page(f"{_ONE}/resend", show, _with_one(invitations.resend, "resent"), is_private=True),
    Page(f"{_ONE}/withdraw", show, _with_one(invitations.withdraw, "withdrawn"), is_private=True),
)
