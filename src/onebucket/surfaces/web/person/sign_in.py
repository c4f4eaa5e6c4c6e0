"""Pages to sign in, sign out and, if sign-up is open, create an account without an invitation."""

from starlette.responses import Response

from onebucket.actions import invitation_acceptance
from onebucket.domain.refusals import Conflict, Forbidden, Unauthenticated
from onebucket.surfaces.web.core import csrf
from onebucket.surfaces.web.core.backend import Asked, VerifiedPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person import signup_form

FRONT_DOOR = "/me"


async def show(request: PageRequest) -> Response:
    """Show the sign-in form; redirects if someone has signed in already."""
    next_path = csrf.local_address(request.kept_fields("next", request.query("next"))) or FRONT_DOOR
    if request.person is not None and not request.errors:
        return request.redirect(next_path)
    notice = "Your new password is set. Sign in with it." if request.query("done") == "password" else ""
    return request.page("sign_in/sign_in.html", next=next_path, login="", notice=notice)


async def sign_in(request: PageRequest) -> Response:
    """Sign in with a username or e-mail address, and a password."""
    login, password = request.line("login"), request.text("password")
    errors = {name: "this is required" for name, value in (("login", login), ("password", password)) if not value}
    if errors:
        raise FormErrors(**errors)

    try:
        await request.start_session(await request.backend.verify_password(request.browser, login, password))
    except Unauthenticated:
        raise FormErrors(password="incorrect username or password") from None  # noqa: S106
    return request.redirect(csrf.local_address(request.text("next")) or FRONT_DOOR)


async def sign_out(request: PageRequest) -> Response:
    """Sign out and return to `next`, or show the sign-in form."""
    await request.end_session()
    return request.redirect(csrf.local_address(request.text("next")) or "/sign-in")


async def out(request: PageRequest) -> Response:
    """Ask whether to sign out, because signing out needs a form (POST)."""
    return request.page("sign_in/sign_out.html")


async def form(request: PageRequest) -> Response:
    """Show the sign-up form. Raises Forbidden if sign-up isn't open."""
    if request.site.sign_up != "open":
        raise Forbidden("you need an invitation to create an account: ask the people you work with")
    return request.page("sign_in/sign_up.html")


async def sign_up(request: PageRequest) -> Response:
    """Create an account and sign in; a confirmation letter is sent to its address."""
    new = signup_form.read_form(request, email_needed=True)

    try:
        # Check first: hashing a password is expensive.
        await request.read(lambda work: invitation_acceptance.check_open(work, new.username))
        request.backend.count_from_network(request.browser, Asked.SIGN_UP)
        password_hash = await request.backend.password_hash(request.browser, new.password)
        account = await request.write(
            lambda work: invitation_acceptance.sign_up_openly(
                work, username=new.username, display_name=new.display_name, email=new.email, password_hash=password_hash
            )
        )
    except Conflict as refusal:
        raise FormErrors(username=refusal.sentence) from None
    await request.start_session(VerifiedPassword(account.id, account.username, password_hash))
    return request.redirect("/me?done=asked")


PAGES = (
    Page("/sign-in", show, sign_in),
    Page("/sign-out", out, sign_out),
    Page("/sign-up", form, sign_up),
)
