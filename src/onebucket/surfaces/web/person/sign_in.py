"""Pages to sign in, sign out and, if sign-up is open, create an account without an invitation."""

from starlette.responses import Response

from onebucket.actions import invitation_acceptance
from onebucket.domain.refusals import Conflict, Forbidden, Unauthenticated
from onebucket.surfaces.web.core import csrf
from onebucket.surfaces.web.core.backend import Asked, VerifiedPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person import signup_form

FRONT_DOOR = "/me"


async def show(visit: PageRequest) -> Response:
    """Show the sign-in form; redirects if someone has signed in already."""
    next = csrf.local_address(visit.kept_fields("next", visit.query("next"))) or FRONT_DOOR
    if visit.person is not None and not visit.errors:
        return visit.redirect(next)
    notice = "Your new password is set. Sign in with it." if visit.query("done") == "password" else ""
    return visit.page("signing/in.html", next=next, login="", notice=notice)


async def sign_in(visit: PageRequest) -> Response:
    """Sign in with a username or e-mail address, and a password."""
    login, password = visit.line("login"), visit.text("password")
    missing = {name: "this is needed" for name, value in (("login", login), ("password", password)) if not value}
    if missing:
        raise FormErrors(**missing)

    try:
        await visit.start_session(await visit.backend.verify_password(visit.browser, login, password))
    except Unauthenticated:
        raise FormErrors(password="there is nobody with that name and that password") from None  # noqa: S106
    return visit.redirect(csrf.local_address(visit.text("next")) or FRONT_DOOR)


async def sign_out(visit: PageRequest) -> Response:
    """Sign out and return to `next`, or show the sign-in form."""
    await visit.end_session()
    return visit.redirect(csrf.local_address(visit.text("next")) or "/sign-in")


async def out(visit: PageRequest) -> Response:
    """Ask whether to sign out, because signing out needs a form (POST)."""
    return visit.page("signing/out.html")


async def form(visit: PageRequest) -> Response:
    """Show the sign-up form. Raises Forbidden if sign-up isn't open."""
    if visit.site.sign_up != "open":
        raise Forbidden("accounts are made for people who are invited: ask whoever you work with to invite you")
    return visit.page("signing/up.html")


async def sign_up(visit: PageRequest) -> Response:
    """Create an account and sign in; a confirmation letter is sent to its address."""
    new = signup_form.read_form(visit, email_needed=True)

    try:
        # Check first: hashing a password is expensive.
        await visit.read(lambda work: invitation_acceptance.check_open(work, new.username))
        visit.backend.count_from_network(visit.browser, Asked.SIGN_UP)
        hash = await visit.backend.password_hash(visit.browser, new.password)
        made = await visit.write(
            lambda work: invitation_acceptance.sign_up_openly(
                work, username=new.username, display_name=new.display_name, email=new.email, password_hash=hash
            )
        )
    except Conflict as refusal:
        raise FormErrors(username=refusal.sentence) from None
    await visit.start_session(VerifiedPassword(made.id, made.username, hash))
    return visit.redirect("/me?done=asked")


PAGES = (
    Page("/sign-in", show, sign_in),
    Page("/sign-out", out, sign_out),
    Page("/sign-up", form, sign_up),
)
