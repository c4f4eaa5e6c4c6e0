"""The page behind an invitation's link: who invites to what, with forms to accept or decline."""

from starlette.responses import Response

from onebucket.actions import invitation_acceptance
from onebucket.actions.invitation_acceptance import InvitationView
from onebucket.domain import accounts
from onebucket.domain.refusals import Conflict
from onebucket.surfaces.web.core.backend import VerifiedPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person import signup_form


async def show(request: PageRequest) -> Response:
    """Show the invitation.

    Opening the link, by anyone and any number of times, doesn't use it up.
    """
    link_hash = request.link_hash
    offer = await request.read(lambda work: invitation_acceptance.view(work, link_hash))
    if offer.invitation.opened_at is None and request.request.method == "GET":
        await request.write(lambda work: invitation_acceptance.mark_opened(work, link_hash))
    return request.page(
        "invitations/offer.html",
        offer=offer,
        stage=_stage(request, offer),
        link=f"/invitations/{request.path_parameter('secret')}",
        suggested=accounts.suggest_username(offer.invitation.email),
    )


def _stage(request: PageRequest, offer: InvitationView) -> str:
    """Return what the viewer has to do before the invitation can be accepted."""
    if request.person is not None:
        return "accept" if offer.is_addressed_to_viewer else "somebody else"
    if offer.has_account:
        return "sign in"
    if offer.may_sign_up:
        return "sign up"
    return "provider" if request.site.providers and request.site.sign_up != "off" else "ask"


async def accept(request: PageRequest) -> Response:
    """Accept the invitation as the person who has signed in."""
    link_hash = request.link_hash
    owner, _ = await request.write(lambda work: invitation_acceptance.accept(work, link_hash))
    return request.redirect(f"/me?joined={owner.username}")


async def decline(request: PageRequest) -> Response:
    """Decline the invitation; anyone who has the link may."""
    link_hash = request.link_hash
    offer = await request.read(lambda work: invitation_acceptance.view(work, link_hash))
    await request.write(lambda work: invitation_acceptance.decline(work, link_hash))
    return request.page("invitations/declined.html", offer=offer)


async def sign_up(request: PageRequest) -> Response:
    """Create an account for the invited address, accept the invitation, and sign in."""
    link_hash = request.link_hash
    offer = await request.read(lambda work: invitation_acceptance.view(work, link_hash))
    form = signup_form.read_form(request, email_needed=False)

    password_hash = await request.backend.password_hash(request.browser, form.password)
    try:
        account = await request.write(
            lambda work: invitation_acceptance.sign_up(
                work, link_hash, username=form.username, display_name=form.display_name, password_hash=password_hash
            )
        )
    except Conflict as refusal:
        raise FormErrors(username=refusal.sentence) from None
    await request.start_session(VerifiedPassword(account.id, account.username, password_hash))
    return request.redirect(f"/me?joined={offer.owner.username}")


PAGES = (
    Page("/invitations/{secret}", show, link="invitation"),
    Page("/invitations/{secret}/accept", show, accept, link="invitation"),
    Page("/invitations/{secret}/decline", show, decline, link="invitation"),
    Page("/invitations/{secret}/sign-up", show, sign_up, link="invitation"),
)
