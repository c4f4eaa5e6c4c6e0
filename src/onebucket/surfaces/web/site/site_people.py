"""Pages of a person for site administrators: what they have, factors, sign-in, disabling, off-boarding, deleting."""

from urllib.parse import quote

from starlette.responses import Response

from onebucket.actions import accounts, deletion, offboarding, passwords, second_factors, sessions
from onebucket.actions.offboarding import Offboarding
from onebucket.actions.second_factors import HeldFactors
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict, Invalid, LastAdministrator
from onebucket.surfaces.web.account.people import end_access
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.page_responses import sentence

_DISABLED, _ENABLED = "Disabled. They are signed out everywhere.", "Enabled. They have what they had before."


async def show(request: PageRequest) -> Response:
    """Show what a person has on this server, and what they can sign in with."""
    name = request.path_parameter("person")

    def load(work: UnitOfWork) -> tuple[Offboarding, HeldFactors]:
        return offboarding.held(work, name), second_factors.of_person(work, name)

    planned, factors = await request.read(load)
    done = {
        "disabled": "" if planned.person.is_active else _DISABLED,
        "enabled": _ENABLED if planned.person.is_active else "",
        "signed-out": "Signed out everywhere.",
        "reset": "They get an e-mail with a link to set a new password.",
        "renamed": "Renamed. The old username no longer works.",
        "removed": "Second factor removed. They get an e-mail about it.",
    }
    # Anyone could have written the URL.
    request.notice = request.notice or done.get(request.query("done"), "")
    return request.page("people/everywhere.html", planned=planned, factors=factors)


async def ask_to_offboard(request: PageRequest) -> Response:
    """Preview what ends when a person is off-boarded."""
    planned = await request.read(lambda work: offboarding.plan(work, request.path_parameter("person")))
    return request.page("people/offboard.html", planned=planned)


async def offboard(request: PageRequest) -> Response:
    """End everything that a person has."""
    await end_access(request, request.path_parameter("person"), None)
    return request.redirect(f"/site/people/{request.segment('person')}?done=disabled")


async def ask_to_delete(request: PageRequest) -> Response:
    """Preview what goes when a person is deleted."""
    planned = await request.read(lambda work: deletion.plan(work, request.path_parameter("person")))
    return request.page("people/delete.html", planned=planned)


async def delete(request: PageRequest) -> Response:
    """Delete a person with everything that they have and own."""
    try:
        name, strikes_out = request.path_parameter("person"), request.is_checked("strike_out")
        await request.write(lambda work: deletion.delete(work, name, strikes_out=strikes_out))
    except (Conflict, LastAdministrator) as refusal:
        raise FormErrors(**{"": refusal.sentence}) from None
    return request.redirect("/site?done=deleted#people-heading")


async def ask_to_remove_factor(request: PageRequest) -> Response:
    """Ask whether to take a second factor from a person, and say what they sign in with then."""
    name, id = request.path_parameter("person"), request.path_parameter("id")
    planned = await request.read(lambda work: second_factors.removal(work, name, id))
    return request.page("people/factor.html", planned=planned)


async def remove_factor(request: PageRequest) -> Response:
    """Take a lost second factor from a person."""
    name, id = request.path_parameter("person"), request.path_parameter("id")
    await request.write(lambda work: second_factors.remove(work, name, id))
    return request.redirect(f"/site/people/{request.segment('person')}?done=removed#factors")


async def disable(request: PageRequest) -> Response:
    """Disable a person; they keep what they have, and can be enabled again."""
    return await _set_active(request, False)


async def enable(request: PageRequest) -> Response:
    """Enable a disabled person."""
    return await _set_active(request, True)


async def sign_out(request: PageRequest) -> Response:
    """End every session of a person."""
    await request.write(lambda work: sessions.end_all_of(work, request.path_parameter("person")))
    return request.redirect(f"/site/people/{request.segment('person')}?done=signed-out")


async def reset_password(request: PageRequest) -> Response:
    """Send a person a link to set a new password."""
    await request.write(lambda work: passwords.send_reset(work, request.path_parameter("person")))
    return request.redirect(f"/site/people/{request.segment('person')}?done=reset")


async def rename(request: PageRequest) -> Response:
    """Give a person another username."""
    name, username = request.path_parameter("person"), request.line("username")
    try:
        renamed = await request.write(lambda work: accounts.change_user(work, name, username=username))
    except (Conflict, Invalid) as refusal:
        raise FormErrors(username=sentence(refusal)) from None
    return request.redirect(f"/site/people/{quote(renamed.username, safe='')}?done=renamed")


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
    Page(
        f"{_PERSON}/delete",
        ask_to_delete,
        delete,
        is_private=True,
        is_costly=True,
        is_guarded=True,
        is_guarded_by_factor=True,
        is_of_site=True,
    ),
    Page(
        f"{_PERSON}/factors/{{id}}",
        ask_to_remove_factor,
        remove_factor,
        is_private=True,
        is_guarded=True,
        is_guarded_by_factor=True,
        is_of_site=True,
    ),
    Page(f"{_PERSON}/disable", show, disable, is_private=True, is_guarded_by_factor=True, is_of_site=True),
    Page(f"{_PERSON}/enable", show, enable, is_private=True, is_guarded_by_factor=True, is_of_site=True),
    Page(f"{_PERSON}/sign-out", show, sign_out, is_private=True, is_guarded_by_factor=True, is_of_site=True),
    Page(
        f"{_PERSON}/reset-password", show, reset_password, is_private=True, is_guarded_by_factor=True, is_of_site=True
    ),
    Page(f"{_PERSON}/rename", show, rename, is_private=True, is_guarded_by_factor=True, is_of_site=True),
)
