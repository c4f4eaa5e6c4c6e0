"""A person's own page: access, invitations, e-mail addresses and password."""

from collections.abc import Callable

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import emails, identities, invitation_acceptance, my_access, sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid, Unauthenticated
from onebucket.surfaces.web.core.backend import Asked
from onebucket.surfaces.web.core.page_request import FormErrors, Handler, Page, PageRequest

# Confirmation messages, by the `done` parameter of the next page.
DONE = {
    "asked": "An e-mail is on its way. Open its link within three days to confirm the address.",
    "confirmed": "Address confirmed.",
    "primary": "Primary address changed.",
    "removed": "Address removed.",
    "password": "Password changed. You are signed out everywhere else.",
    "linked": "Linked. From now on the provider signs you in.",
    "unlinked": "Unlinked. Sessions that began with it have ended.",
    "declined": "Invitation declined. Its link no longer works.",
}


async def show(request: PageRequest) -> Response:
    """Show the person's access, invitations and e-mail addresses."""
    account_access, invitations, addresses, linked = await request.read(
        lambda work: (
            my_access.access_by_account(work),
            invitation_acceptance.mine(work),
            emails.of_person(work, request.me.id),
            identities.of_person(work, request.me.id)[1] if request.site.providers else [],
        )
    )
    joined = [access.owner for access in account_access if access.owner.username == request.query("joined")]
    return request.page(
        "me/page.html",
        me=request.me,
        account_access=account_access,
        invitations=invitations,
        emails=addresses,
        identities=linked,
        joined=joined[0] if joined else None,
        done=DONE.get(request.query("done"), ""),
        new_address=request.query("email"),
    )


async def add_address(request: PageRequest) -> Response:
    """Ask to add an e-mail address; a confirmation letter is sent to it."""
    address = request.line("email")
    request.backend.count_from_network(request.browser, Asked.CONFIRMATION)
    try:
        await request.write(lambda work: emails.ask_for(work, request.me.id, address))
    except Invalid as refusal:
        raise FormErrors(email=refusal.sentence) from None
    return request.redirect("/me?done=asked#addresses")


def _with_address(action: Callable[[UnitOfWork, str, str], None], done: str) -> Handler:
    async def send(request: PageRequest) -> Response:
        address = request.line("address")
        await request.write(lambda work: action(work, request.me.id, address))
        return request.redirect(f"/me?done={done}#addresses")

    return send


async def change_password(request: PageRequest) -> Response:
    """Change the password, given the old one.

    This browser gets a new session; all others are signed out.
    """
    me, old, new = request.me, request.text("old_password"), request.text("password")
    try:
        accounts.check_password(new)
        await request.backend.verify_password(request.browser, me.username, old)
    except Invalid as refusal:
        raise FormErrors(password=refusal.sentence) from None
    except Unauthenticated:
        raise FormErrors(old_password="incorrect password") from None  # noqa: S106

    hash = await request.backend.password_hash(request.browser, new)
    secret = request.backend.new_secret()
    await request.write(
        lambda work: sessions.change_password(
            work, hash, secret_hash=hashing.secret_hash(secret), agent=request.browser.agent
        )
    )
    request.keep_session(secret)
    return request.redirect("/me?done=password#password")


async def accept(request: PageRequest) -> Response:
    """Accept an invitation to one of the person's confirmed addresses."""
    id = request.path_parameter("id")
    owner, _ = await request.write(lambda work: invitation_acceptance.accept_mine(work, id))
    return request.redirect(f"/me?joined={owner.username}")


async def decline(request: PageRequest) -> Response:
    """Decline an invitation to one of the person's confirmed addresses."""
    id = request.path_parameter("id")
    await request.write(lambda work: invitation_acceptance.decline_mine(work, id))
    return request.redirect("/me?done=declined")


_make_primary = _with_address(emails.make_primary, "primary")
_remove = _with_address(emails.end, "removed")

PAGES = (
    Page("/me", show, is_private=True),
    Page("/me/invitations/{id}/accept", show, accept, is_private=True, link="invitation"),
    Page("/me/invitations/{id}/decline", show, decline, is_private=True, link="invitation"),
    Page("/me/emails", show, add_address, is_private=True, is_guarded=True),
    Page("/me/emails/primary", show, _with_address(emails.make_primary, "primary"), is_private=True, is_guarded=True),
    Page("/me/emails/remove", show, _with_address(emails.end, "removed"), is_private=True, is_guarded=True),
    Page("/me/password", show, change_password, is_private=True, is_guarded_by_factor=True),
)
