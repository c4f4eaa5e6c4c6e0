"""A person's own page: what she can do now, her addresses, her password, and where she is signed in."""

from collections.abc import Callable
from functools import partial

from starlette.responses import Response

from onebucket.actions import addresses, joining, mine, passwords, sessions
from onebucket.actions.work import Work
from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid, Unauthenticated
from onebucket.surfaces.web.desk import Asked, Proved
from onebucket.surfaces.web.visit import Handler, Page, Visit, Wrong

# What is said on the page that follows.
DONE = {
    "asked": "A letter is on its way. Open its link within three days, and the address is yours.",
    "confirmed": "The address is yours.",
    "primary": "Letters go to the other address from now on.",
    "removed": "The address is not yours any more.",
    "password": "Your new password is set. Everywhere else you are signed out.",
    "ended": "Signed out there: whoever used that browser has to sign in again.",
    "declined": "The invitation is declined, and its link is dead.",
}


async def show(visit: Visit) -> Response:
    """Everything about oneself."""
    me = visit.me
    holdings, invited, emails, browsers = await visit.look(
        lambda work: (mine.holdings(work), joining.mine(work), addresses.of_person(work, me.id), sessions.mine(work))
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


async def add_address(visit: Visit) -> Response:
    """Ask for one more address: a letter goes to it."""
    address = visit.line("email")
    visit.desk.count_from_network(visit.caller, Asked.CONFIRMATION)
    try:
        await visit.change(lambda work: addresses.ask_for(work, visit.me.id, address))
    except Invalid as refusal:
        raise Wrong(email=refusal.sentence) from None
    return visit.go("/me?done=asked#addresses")


def _with_address(action: Callable[[Work, str, str], None], done: str) -> Handler:
    async def send(visit: Visit) -> Response:
        address = visit.line("address")
        await visit.change(lambda work: action(work, visit.me.id, address))
        return visit.go(f"/me?done={done}#addresses")

    return send


async def change_password(visit: Visit) -> Response:
    """Set another password, knowing the old one; this browser alone stays signed in, with a new secret."""
    me, old, new = visit.me, visit.text("old_password"), visit.text("password")
    try:
        accounts.check_password(new)
        await visit.desk.prove(visit.caller, me.username, old)
    except Invalid as refusal:
        raise Wrong(password=refusal.sentence) from None
    except Unauthenticated:
        raise Wrong(old_password="that is not your password") from None  # noqa: S106

    hash = await visit.desk.password_hash(visit.caller, new)
    await visit.change(lambda work: passwords.change(work, me.id, hash))
    await visit.begin(Proved(me.id, me.username, hash))
    return visit.go("/me?done=password#password")


async def accept(visit: Visit) -> Response:
    """Accept what one of the person's confirmed addresses is invited to."""
    id = visit.word("id")
    owner, _ = await visit.change(lambda work: joining.accept_mine(work, id))
    return visit.go(f"/me?joined={owner.username}")


async def decline(visit: Visit) -> Response:
    """Decline it."""
    id = visit.word("id")
    await visit.change(lambda work: joining.decline_mine(work, id))
    return visit.go("/me?done=declined")


async def end_session(visit: Visit) -> Response:
    """Sign out in another browser."""
    await visit.change(partial(sessions.end, id=visit.word("id")))
    return visit.go("/me?done=ended#sessions")


async def end_other_sessions(visit: Visit) -> Response:
    """Sign out everywhere else."""
    await visit.change(sessions.end_others)
    return visit.go("/me?done=ended#sessions")


_make_primary = _with_address(addresses.make_primary, "primary")
_remove = _with_address(addresses.end, "removed")

PAGES = (
    Page("/me", show, is_private=True),
    Page("/me/invitations/{id}/accept", show, accept, is_private=True, link="invitation"),
    Page("/me/invitations/{id}/decline", show, decline, is_private=True, link="invitation"),
    Page("/me/emails", show, add_address, is_private=True, is_guarded=True),
    Page(
        "/me/emails/primary", show, _with_address(addresses.make_primary, "primary"), is_private=True, is_guarded=True
    ),
    Page("/me/emails/remove", show, _with_address(addresses.end, "removed"), is_private=True, is_guarded=True),
    Page("/me/password", show, change_password, is_private=True),
    Page("/me/sessions/end", show, end_other_sessions, is_private=True),
    Page("/me/sessions/{id}/end", show, end_session, is_private=True),
)
