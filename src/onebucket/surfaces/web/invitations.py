"""The page behind an invitation's link: who invites whom to what, and accepting or declining it."""

import re

from starlette.responses import Response

from onebucket.actions import joining
from onebucket.actions.joining import Offer
from onebucket.domain.refusals import Conflict
from onebucket.surfaces.web import people
from onebucket.surfaces.web.desk import Proved
from onebucket.surfaces.web.visit import Page, Visit, Wrong


async def look(visit: Visit) -> Response:
    """What the link offers. However often it is opened, by whomever, nothing is spent."""
    hash = visit.link_hash
    offer = await visit.look(lambda work: joining.look(work, hash))
    if offer.invitation.opened_at is None and visit.request.method == "GET":
        await visit.change(lambda work: joining.opened(work, hash))
    return visit.page(
        "invitations/offer.html",
        offer=offer,
        stage=_stage(visit, offer),
        link=f"/invitations/{visit.word('secret')}",
        suggested=_suggested(offer.invitation.email),
    )


def _stage(visit: Visit, offer: Offer) -> str:
    """What there is to be done before it can be accepted."""
    if visit.person is not None:
        return "accept" if offer.is_yours else "somebody else"
    if offer.has_account:
        return "sign in"
    return "sign up" if offer.may_sign_up else "ask"


def _suggested(email: str) -> str:
    """A username for whoever has that address."""
    return re.sub("[^A-Za-z0-9_.-]+", "-", email.partition("@")[0]).lstrip(".-")[:62]


async def accept(visit: Visit) -> Response:
    """Accept as whoever has signed in."""
    hash = visit.link_hash
    owner, _ = await visit.change(lambda work: joining.accept(work, hash))
    return visit.go(f"/me?joined={owner.username}")


async def decline(visit: Visit) -> Response:
    """Decline: whoever has the link may."""
    hash = visit.link_hash
    offer = await visit.look(lambda work: joining.look(work, hash))
    await visit.change(lambda work: joining.decline(work, hash))
    return visit.page("invitations/declined.html", offer=offer)


async def sign_up(visit: Visit) -> Response:
    """Make an account for the invited address, accept with it, and be signed in."""
    link = visit.link_hash
    offer = await visit.look(lambda work: joining.look(work, link))
    new = people.typed(visit, email_needed=False)

    hash = await visit.desk.password_hash(visit.caller, new.password)
    try:
        made = await visit.change(
            lambda work: joining.sign_up(
                work, link, username=new.username, display_name=new.display_name, password_hash=hash
            )
        )
    except Conflict as refusal:
        raise Wrong(username=refusal.sentence) from None
    await visit.begin(Proved(made.id, made.username, hash))
    return visit.go(f"/me?joined={offer.owner.username}")


PAGES = (
    Page("/invitations/{secret}", look, link="invitation"),
    Page("/invitations/{secret}/accept", look, accept, link="invitation"),
    Page("/invitations/{secret}/decline", look, decline, link="invitation"),
    Page("/invitations/{secret}/sign-up", look, sign_up, link="invitation"),
)
