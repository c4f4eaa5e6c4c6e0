"""Pages of a person for site administrators: what they have on this server, disabling and off-boarding them."""

from starlette.responses import Response

from onebucket.actions import accounts, offboarding
from onebucket.surfaces.web.account.people import end_access
from onebucket.surfaces.web.core.page_request import Page, PageRequest

_DONE = {"disabled": "Disabled. They are signed out everywhere.", "enabled": "Enabled. They have what they had before."}


async def show(request: PageRequest) -> Response:
    """Show what a person has on this server, and what they can sign in with."""
    planned = await request.read(lambda work: offboarding.held(work, request.path_parameter("person")))
    request.notice = _DONE.get(request.query("done"), "") if _is_so(request, planned.person.is_active) else ""
    return request.page("people/everywhere.html", planned=planned)


def _is_so(request: PageRequest, is_active: bool) -> bool:
    # Anyone could have written the URL.
    return is_active is (request.query("done") == "enabled")


async def ask_to_offboard(request: PageRequest) -> Response:
    """Preview what ends when a person is off-boarded."""
    planned = await request.read(lambda work: offboarding.plan(work, request.path_parameter("person")))
    return request.page("people/offboard.html", planned=planned)


async def offboard(request: PageRequest) -> Response:
    """End everything that a person has."""
    await end_access(request, request.path_parameter("person"), None)
    return request.redirect(f"/site/people/{request.segment('person')}?done=disabled")


async def disable(request: PageRequest) -> Response:
    """Disable a person; they keep what they have, and can be enabled again."""
    return await _set_active(request, False)


async def enable(request: PageRequest) -> Response:
    """Enable a disabled person."""
    return await _set_active(request, True)


async def _set_active(request: PageRequest, active: bool) -> Response:
    await request.write(lambda work: accounts.set_active(work, request.path_parameter("person"), active))
    return request.redirect(f"/site/people/{request.segment('person')}?done={'enabled' if active else 'disabled'}")


_PERSON = "/site/people/{person}"
PAGES = (
    Page(_PERSON, show, is_private=True, is_guarded_by_factor=True, is_of_site=True),
    Page(
        f"{_PERSON}/offboard",
        ask_to_offboard,
        offboard,
        is_private=True,
        is_costly=True,
        is_guarded_by_factor=True,
        is_of_site=True,
    ),
    Page(f"{_PERSON}/disable", show, disable, is_private=True, is_guarded_by_factor=True, is_of_site=True),
    Page(f"{_PERSON}/enable", show, enable, is_private=True, is_guarded_by_factor=True, is_of_site=True),
)
