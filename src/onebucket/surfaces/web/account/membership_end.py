"""The page on which an administrator says when a membership ends, sooner or later than it does now."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, groups, member_ends
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.ends import NEVER
from onebucket.domain.refusals import Conflict, Forbidden, Invalid
from onebucket.surfaces.web.core.form_fields import parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def show(request: PageRequest) -> Response:
    """Show when a membership ends, with a form to move that."""
    account, slug, name = _place(request)

    def load(work: UnitOfWork) -> dict[str, Any]:
        summary = account_overview.account_summary(work, account)
        if not summary.administers:
            raise Forbidden(f"only administrators of {account} say when memberships end")
        person = groups.member(work, account, slug, name)
        return {
            "summary": summary,
            "group": groups.read(work, account, slug, members=False).group,
            "person": person,
            "until": member_ends.of_group(work, account, slug).get(person.id),
        }

    return request.page("groups/end.html", **await request.read(load))


async def change(request: PageRequest) -> Response:
    """Let the membership end then, or not at all if the field is empty."""
    account, slug, name = _place(request)
    until = parsed_end(request) or NEVER
    try:
        await request.write(lambda work: member_ends.set_end(work, account, slug, name, until))
    except (Invalid, Conflict) as refusal:
        raise FormErrors(until=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/groups/{request.segment('slug')}?done=end#members")


def _place(request: PageRequest) -> tuple[str, str, str]:
    return request.path_parameter("name"), request.path_parameter("slug"), request.path_parameter("member")


PAGES = (Page("/accounts/{name}/groups/{slug}/members/{member}/end", show, change, is_private=True),)
