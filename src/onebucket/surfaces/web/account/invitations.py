"""An account's pending invitations, for its administrators: invite, see the delivery status, resend, withdraw."""

import re
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, bulk_invitations, groups, invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict, Invalid, NoSuchGroup
from onebucket.surfaces.web.core.page_request import FormErrors, Handler, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# The most groups shown as checkboxes; in larger accounts the slugs are typed.
MOST_BOXES = 500

DONE = {
    "invited": "Letters are on their way.",
    "resent": "The invitation is sent again, with a new link; the old link is dead.",
    "withdrawn": "The invitation is withdrawn, and its link is dead.",
}


async def show(visit: PageRequest) -> Response:
    """List the pending invitations, with a form to invite people."""
    name = visit.path_parameter("name")

    def listed(work: UnitOfWork) -> dict[str, Any]:
        pending = [each for _, each in invitations.found(work, account_name=name)]
        place, rosters = account_overview.account_summary(work, name), groups.of_account(work, name, members=False)
        return {"place": place, "pending": pending, "groups": [each.group for each in rosters], "now": work.at}

    seen = await visit.read(listed)
    pending = paginate(visit, seen.pop("pending"), lambda each: f"{each.email} {' '.join(each.groups)}", most=25)
    return visit.page(
        "invitations/pending.html",
        done=DONE.get(visit.query("done"), ""),
        pending=pending,
        are_boxes=len(seen["groups"]) <= MOST_BOXES,
        wanted=visit.query("group"),
        **seen,
    )


async def invite(visit: PageRequest) -> Response:
    """Invite several addresses to several groups, all or none."""
    name, emails = visit.path_parameter("name"), re.split(r"[\s,;]+", visit.line("emails"))
    slugs = [*visit.texts("group"), *re.split(r"[\s,;]+", visit.line("groups"))]
    wrong = {}
    if emails == [""]:
        wrong["emails"] = "say whom: one address or more"
    if not any(slugs):
        wrong["group"] = "choose one group or more"
    if wrong:
        raise FormErrors(**wrong)

    try:
        await visit.write(
            lambda work: bulk_invitations.invite_to_groups(work, name, filter(None, emails), list(filter(None, slugs)))
        )
    except NoSuchGroup:
        raise FormErrors(group="one of them isn't there: it may have been deleted, or renamed") from None
    except (Invalid, Conflict) as refusal:
        raise FormErrors(emails=refusal.sentence) from None
    return visit.redirect(f"/accounts/{visit.segment('name')}/invitations?done=invited")


def _with_one(action: Callable[[UnitOfWork, str], object], done: str) -> Handler:
    async def send(visit: PageRequest) -> Response:
        id = visit.path_parameter("id")
        await visit.write(lambda work: action(work, id))
        return visit.redirect(f"/accounts/{visit.segment('name')}/invitations?done={done}")

    return send


_ONE = "/accounts/{name}/invitations/{id}"
PAGES = (
    Page("/accounts/{name}/invitations", show, invite, is_private=True),
    Page(f"{_ONE}/resend", show, _with_one(invitations.resend, "resent"), is_private=True),
    Page(f"{_ONE}/withdraw", show, _with_one(invitations.withdraw, "withdrawn"), is_private=True),
)
