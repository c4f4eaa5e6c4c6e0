"""Signing in and out, and making an account without an invitation where that is open to everybody."""

from starlette.responses import Response

from onebucket.actions import joining
from onebucket.domain.refusals import Conflict, Forbidden, Unauthenticated
from onebucket.surfaces.web import guard, people
from onebucket.surfaces.web.desk import Asked, Proved
from onebucket.surfaces.web.visit import Page, Visit, Wrong

FRONT_DOOR = "/me"


async def show(visit: Visit) -> Response:
    """The form to sign in with."""
    next = guard.local(visit.kept("next", visit.query("next"))) or FRONT_DOOR
    if visit.person is not None and not visit.errors:
        return visit.go(next)
    notice = "Your new password is set. Sign in with it." if visit.query("done") == "password" else ""
    return visit.page("signing/in.html", next=next, login="", notice=notice)


async def sign_in(visit: Visit) -> Response:
    """Sign in with a username or an address, and a password."""
    login, password = visit.line("login"), visit.text("password")
    missing = {name: "this is needed" for name, value in (("login", login), ("password", password)) if not value}
    if missing:
        raise Wrong(**missing)

    try:
        await visit.begin(await visit.desk.prove(visit.caller, login, password))
    except Unauthenticated:
        raise Wrong(password="there is nobody with that name and that password") from None  # noqa: S106
    return visit.go(guard.local(visit.text("next")) or FRONT_DOOR)


async def sign_out(visit: Visit) -> Response:
    """Sign out, and be where one was if that is a page for everybody."""
    await visit.end()
    return visit.go(guard.local(visit.text("next")) or "/sign-in")


async def out(visit: Visit) -> Response:
    """A question: signing out is done by a form."""
    return visit.page("signing/out.html")


async def form(visit: Visit) -> Response:
    """The form to make an account with."""
    if visit.house.sign_up != "open":
        raise Forbidden("accounts are made for people who are invited: ask whoever you work with to invite you")
    return visit.page("signing/up.html")


async def sign_up(visit: Visit) -> Response:
    """Make an account; a letter goes to its address."""
    new = people.typed(visit, email_needed=True)

    try:
        # Before anything is hashed, which costs.
        await visit.look(lambda work: joining.check_open(work, new.username))
        visit.desk.count_from_network(visit.caller, Asked.SIGN_UP)
        hash = await visit.desk.password_hash(visit.caller, new.password)
        made = await visit.change(
            lambda work: joining.sign_up_openly(
                work, username=new.username, display_name=new.display_name, email=new.email, password_hash=hash
            )
        )
    except Conflict as refusal:
        raise Wrong(username=refusal.sentence) from None
    await visit.begin(Proved(made.id, made.username, hash))
    return visit.go("/me?done=asked")


PAGES = (
    Page("/sign-in", show, sign_in),
    Page("/sign-out", out, sign_out),
    Page("/sign-up", form, sign_up),
)
