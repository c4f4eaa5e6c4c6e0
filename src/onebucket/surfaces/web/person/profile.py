"""A person's own page: access, invitations, e-mail addresses, password and sessions."""

from collections.abc import Callable
from functools import partial

from starlette.responses import Response

from onebucket.actions import emails, invitation_acceptance, my_access, passwords, sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid, Unauthenticated
from onebucket.surfaces.web.core.backend import Asked, VerifiedPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Handler, Page, PageRequest

# Confirmation messages, by the `done` parameter of the next page.
DONE = {
    "asked": "A letter is on its way. Open its link within three days, and the address is yours.",
    "confirmed": "The address is yours.",
    "primary": "Letters go to the other address from now on.",
    "removed": "The address is not yours any more.",
    "password": "Your new password is set. Everywhere else you are signed out.",
    "ended": "Signed out there: whoever used that browser has to sign in again.",
    "declined": "The invitation is declined, and its link is dead.",
}


async def show(visit: PageRequest) -> Response:
    """Show the person's access, invitations, e-mail addresses and sessions."""
    me = visit.me
    holdings, invited, emails, browsers = await visit.read(
        lambda work: (
            my_access.access_by_account(work),
            invitation_acceptance.mine(work),
            emails.of_person(work, me.id),
            sessions.list_own(work),
        )
    )
    joined = [each.owner for each in holdings if each.owner.username == visit.query("joined")]
    return visit.page(
        "me/page.html",
        me=me,
        holdings=holdings,
        invited=invited,
        emails=emails,
        browsers=browsers,
        joined=joined[0] if joined else None,
        done=DONE.get(visit.query("done"), ""),
        wanted=visit.query("email"),
    )


async def add_address(visit: PageRequest) -> Response:
    """Ask to add an e-mail address; a confirmation letter is sent to it."""
    address = visit.line("email")
    visit.backend.count_from_network(visit.browser, Asked.CONFIRMATION)
    try:
        await visit.write(lambda work: emails.ask_for(work, visit.me.id, address))
    except Invalid as refusal:
        raise FormErrors(email=refusal.sentence) from None
    return visit.redirect("/me?done=asked#addresses")


def _with_address(action: Callable[[UnitOfWork, str, str], None], done: str) -> Handler:
    async def send(visit: PageRequest) -> Response:
        address = visit.line("address")
        await visit.write(lambda work: action(work, visit.me.id, address))
        return visit.redirect(f"/me?done={done}#addresses")

    return send


async def change_password(visit: PageRequest) -> Response:
    """Change the password, given the old one.

    This browser gets a new session; all others are signed out.
    """
    me, old, new = visit.me, visit.text("old_password"), visit.text("password")
    try:
        accounts.check_password(new)
        await visit.backend.verify_password(visit.browser, me.username, old)
    except Invalid as refusal:
        raise FormErrors(password=refusal.sentence) from None
    except Unauthenticated:
        raise FormErrors(old_password="that is not your password") from None  # noqa: S106

    hash = await visit.backend.password_hash(visit.browser, new)
    await visit.write(lambda work: passwords.change(work, me.id, hash))
    await visit.start_session(VerifiedPassword(me.id, me.username, hash))
    return visit.redirect("/me?done=password#password")


async def accept(visit: PageRequest) -> Response:
    """Accept an invitation to one of the person's confirmed addresses."""
    id = visit.path_parameter("id")
    owner, _ = await visit.write(lambda work: invitation_acceptance.accept_mine(work, id))
    return visit.redirect(f"/me?joined={owner.username}")


async def decline(visit: PageRequest) -> Response:
    """Decline an invitation to one of the person's confirmed addresses."""
    id = visit.path_parameter("id")
    await visit.write(lambda work: invitation_acceptance.decline_mine(work, id))
    return visit.redirect("/me?done=declined")


async def end_session(visit: PageRequest) -> Response:
    """Sign out another browser."""
    await visit.write(partial(sessions.end, id=visit.path_parameter("id")))
    return visit.redirect("/me?done=ended#sessions")


async def end_other_sessions(visit: PageRequest) -> Response:
    """Sign out all other browsers."""
    await visit.write(sessions.end_others)
    return visit.redirect("/me?done=ended#sessions")


_make_primary = _with_address(emails.make_primary, "primary")
_remove = _with_address(emails.end, "removed")

PAGES = (
    Page("/me", show, is_private=True),
    Page("/me/invitations/{id}/accept", show, accept, is_private=True, link="invitation"),
    Page("/me/invitations/{id}/decline", show, decline, is_private=True, link="invitation"),
    Page("/me/emails", show, add_address, is_private=True, is_guarded=True),
    Page("/me/emails/primary", show, _with_address(emails.make_primary, "primary"), is_private=True, is_guarded=True),
    Page("/me/emails/remove", show, _with_address(emails.end, "removed"), is_private=True, is_guarded=True),
    Page("/me/password", show, change_password, is_private=True),
    Page("/me/sessions/end", show, end_other_sessions, is_private=True),
    Page("/me/sessions/{id}/end", show, end_session, is_private=True),
)
