"""An account's pending invitations, for whoever administers it: inviting, what has become of each, withdrawing."""

import re
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from onebucket.actions import groups, invitations, inviting, overviews
from onebucket.actions.work import Work
from onebucket.domain.refusals import Conflict, Invalid, NoSuchGroup
from onebucket.surfaces.web.lists import cut
from onebucket.surfaces.web.visit import Handler, Page, Visit, Wrong

# So many groups are shown as boxes to tick; of more, one names those that one means.
MOST_BOXES = 500

DONE = {
    "invited": "Letters are on their way.",
    "resent": "The invitation is sent again, with a new link; the old link is dead.",
    "withdrawn": "The invitation is withdrawn, and its link is dead.",
}


async def show(visit: Visit) -> Response:
    """The list, and a form to invite people with."""
    name = visit.word("name")

    def listed(work: Work) -> dict[str, Any]:
        pending = [each for _, each in invitations.found(work, account_name=name)]
        place, rosters = overviews.place(work, name), groups.of_account(work, name, members=False)
        return {"place": place, "pending": pending, "groups": [each.group for each in rosters], "now": work.at}

    seen = await visit.look(listed)
    pending = cut(visit, seen.pop("pending"), lambda each: f"{each.email} {' '.join(each.groups)}", most=25)
    return visit.page(
        "invitations/pending.html",
        done=DONE.get(visit.query("done"), ""),
        pending=pending,
        are_boxes=len(seen["groups"]) <= MOST_BOXES,
        wanted=visit.query("group"),
        **seen,
    )


async def invite(visit: Visit) -> Response:
    """Invite several addresses to several groups: all of them, or nobody."""
    name, emails = visit.word("name"), re.split(r"[\s,;]+", visit.line("emails"))
    slugs = [*visit.texts("group"), *re.split(r"[\s,;]+", visit.line("groups"))]
    wrong = {}
    if emails == [""]:
        wrong["emails"] = "say whom: one address or more"
    if not any(slugs):
        wrong["group"] = "choose one group or more"
    if wrong:
        raise Wrong(**wrong)

    try:
        await visit.change(
            lambda work: inviting.invite_each(work, name, filter(None, emails), list(filter(None, slugs)))
        )
    except NoSuchGroup:
        raise Wrong(group="one of them isn't there: it may have been deleted, or renamed") from None
    except (Invalid, Conflict) as refusal:
        raise Wrong(emails=refusal.sentence) from None
    return visit.go(f"/accounts/{visit.segment('name')}/invitations?done=invited")


def _with_one(action: Callable[[Work, str], object], done: str) -> Handler:
    async def send(visit: Visit) -> Response:
        id = visit.word("id")
        await visit.change(lambda work: action(work, id))
        return visit.go(f"/accounts/{visit.segment('name')}/invitations?done={done}")

    return send


_ONE = "/accounts/{name}/invitations/{id}"
PAGES = (
    Page("/accounts/{name}/invitations", show, invite, is_private=True),
    Page(f"{_ONE}/resend", show, _with_one(invitations.resend, "resent"), is_private=True),
    Page(f"{_ONE}/withdraw", show, _with_one(invitations.withdraw, "withdrawn"), is_private=True),
)
