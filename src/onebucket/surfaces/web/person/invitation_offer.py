"""The page behind an invitation's link: who invites to what, with forms to accept or decline."""

import re

from starlette.responses import Response

from onebucket.actions import invitation_acceptance
from onebucket.actions.invitation_acceptance import InvitationView
from onebucket.domain.refusals import Conflict
from onebucket.surfaces.web.core.backend import VerifiedPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person import signup_form


async def show(visit: PageRequest) -> Response:
    """Show the invitation.

    Opening the link, by anyone and any number of times, doesn't use it up.
    """
    hash = visit.link_hash
    offer = await visit.read(lambda work: invitation_acceptance.view(work, hash))
    if offer.invitation.opened_at is None and visit.request.method == "GET":
        await visit.write(lambda work: invitation_acceptance.mark_opened(work, hash))
    return visit.page(
        "invitations/offer.html",
        offer=offer,
        stage=_stage(visit, offer),
        link=f"/invitations/{visit.path_parameter('secret')}",
        suggested=_suggested(offer.invitation.email),
    )


def _stage(visit: PageRequest, offer: InvitationView) -> str:
    """Return what the viewer has to do before the invitation can be accepted."""
    if visit.person is not None:
        return "accept" if offer.is_addressed_to_viewer else "somebody else"
    if offer.has_account:
        return "sign in"
    return "sign up" if offer.may_sign_up else "ask"


def _suggested(email: str) -> str:
    """Suggest a username for an e-mail address."""
    return re.sub("[^A-Za-z0-9_.-]+", "-", email.partition("@")[0]).lstrip(".-")[:62]


async def accept(visit: PageRequest) -> Response:
    """Accept the invitation as the person who has signed in."""
    hash = visit.link_hash
    owner, _ = await visit.write(lambda work: invitation_acceptance.accept(work, hash))
    return visit.redirect(f"/me?joined={owner.username}")


async def decline(visit: PageRequest) -> Response:
    """Decline the invitation; anyone who has the link may."""
    hash = visit.link_hash
    offer = await visit.read(lambda work: invitation_acceptance.view(work, hash))
    await visit.write(lambda work: invitation_acceptance.decline(work, hash))
    return visit.page("invitations/declined.html", offer=offer)


async def sign_up(visit: PageRequest) -> Response:
    """Create an account for the invited address, accept the invitation, and sign in."""
    link = visit.link_hash
    offer = await visit.read(lambda work: invitation_acceptance.view(work, link))
    new = signup_form.read_form(visit, email_needed=False)

    hash = await visit.backend.password_hash(visit.browser, new.password)
    try:
        made = await visit.write(
            lambda work: invitation_acceptance.sign_up(
                work, link, username=new.username, display_name=new.display_name, password_hash=hash
            )
        )
    except Conflict as refusal:
        raise FormErrors(username=refusal.sentence) from None
    await visit.start_session(VerifiedPassword(made.id, made.username, hash))
    return visit.redirect(f"/me?joined={offer.owner.username}")


PAGES = (
    Page("/invitations/{secret}", show, link="invitation"),
    Page("/invitations/{secret}/accept", show, accept, link="invitation"),
    Page("/invitations/{secret}/decline", show, decline, link="invitation"),
    Page("/invitations/{secret}/sign-up", show, sign_up, link="invitation"),
)
