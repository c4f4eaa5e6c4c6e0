"""An account's pending invitations, for its administrators: invite, see the delivery status, resend, withdraw."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, bulk_invitations, groups, invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict, Invalid, NoSuchGroup
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Handler, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# The most groups shown as checkboxes; in larger accounts the slugs are typed.
MOST_BOXES = 500

DONE = {
    "invited": "The invitations are on their way.",
    "resent": "The invitation is sent again with a new link. The old link no longer works.",
    "withdrawn": "Invitation withdrawn. Its link no longer works.",
}


async def show(request: PageRequest) -> Response:
    """List the pending invitations, with a form to invite people."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        pending = [invitation for _, invitation in invitations.found(work, account_name=name)]
        summary, rosters = account_overview.account_summary(work, name), groups.of_account(work, name, members=False)
        return {"summary": summary, "pending": pending, "groups": [roster.group for roster in rosters], "now": work.at}

    context = await request.read(load)
    pending = paginate(
        request, context.pop("pending"), lambda invitation: f"{invitation.email} {' '.join(invitation.groups)}", most=25
    )
    return request.page(
        "invitations/pending.html",
        done=DONE.get(request.query("done"), ""),
        pending=pending,
        are_boxes=len(context["groups"]) <= MOST_BOXES,
        chosen_group=request.query("group"),
        **context,
    )


async def invite(request: PageRequest) -> Response:
    """Invite several addresses to several groups, all or none."""
    name, emails = request.path_parameter("name"), request.words("emails")
    slugs = [*filter(None, request.texts("group")), *request.words("groups")]
    errors = {}
    if not emails:
        errors["emails"] = "enter at least one e-mail address"
    if not slugs:
        errors["group"] = "choose at least one group"
    if errors:
        raise FormErrors(**errors)

    until = parsed_end(request)
    try:
        await request.write(lambda work: bulk_invitations.invite_to_groups(work, name, emails, slugs, until))
    except NoSuchGroup:
        raise FormErrors(group="one of these groups doesn't exist: it may have been deleted or renamed") from None
    except (Invalid, Conflict) as refusal:
        raise error_beside(refusal, "emails", until="until") from None
    return request.redirect(f"/accounts/{request.segment('name')}/invitations?done=invited")


def _with_one(action: Callable[[UnitOfWork, str], object], done: str) -> Handler:
    async def send(request: PageRequest) -> Response:
        id = request.path_parameter("id")
        await request.write(lambda work: action(work, id))
        return request.redirect(f"/accounts/{request.segment('name')}/invitations?done={done}")

    return send


_ONE = "/accounts/{name}/invitations/{id}"
PAGES = (
    Page("/accounts/{name}/invitations", show, invite, is_private=True),
    Page(f"{_ONE}/resend", show, _with_one(invitations.resend, "resent"), is_private=True),
    Page(f"{_ONE}/withdraw", show, _with_one(invitations.withdraw, "withdrawn"), is_private=True),
)
