"""Pages to sign in, sign out and, if sign-up is open, create an account without an invitation."""

from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import invitation_acceptance
from onebucket.domain.refusals import Conflict, Forbidden, Unauthenticated
from onebucket.surfaces.web.core import csrf, passkey_forms, reauthentication
from onebucket.surfaces.web.core.backend import Asked, SecondFactorNeeded, VerifiedPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person import signup_form

FRONT_DOOR = "/me"


async def show(request: PageRequest) -> Response:
    """Show the sign-in form; redirects if someone has signed in already."""
    next_path = csrf.local_address(request.kept_fields("next", request.query("next"))) or FRONT_DOOR
    if request.person is not None and not request.errors:
        return request.redirect(next_path)
    notice = "Your new password is set. Sign in with it." if request.query("done") == "password" else ""
    options = passkey_forms.request_options(request, "sign in", is_alone=True)
    return request.page("sign_in/sign_in.html", next=next_path, login="", notice=notice, passkey_options=options)


async def sign_in(request: PageRequest) -> Response:
    """Sign in with a username or e-mail address, and a password."""
    login, password = request.line("login"), request.text("password")
    errors = {name: "this is required" for name, value in (("login", login), ("password", password)) if not value}
    if errors:
        raise FormErrors(**errors)

    try:
        proved = await request.backend.verify_password(request.browser, login, password)
        await request.start_session(proved)
    except SecondFactorNeeded:
        request.keep_password(proved)
        return request.redirect(f"/sign-in/code?{urlencode({'next': _next(request)})}")
    except Unauthenticated:
        raise FormErrors(password="incorrect username or password") from None  # noqa: S106
    return request.redirect(_next(request))


async def ask_for_code(request: PageRequest) -> Response:
    """Show the form for a code, after a right password."""
    try:
        proved = await request.kept_password()
    except Unauthenticated:
        return request.redirect("/sign-in")
    next_path = csrf.local_address(request.kept_fields("next", request.query("next"))) or FRONT_DOOR
    held = await request.backend.passkeys_of(request.browser, proved)
    options = passkey_forms.request_options(request, "second factor", held, is_alone=False) if held else ""
    return request.page("sign_in/code.html", next=next_path, passkey_options=options)


async def send_code(request: PageRequest) -> Response:
    """Sign in with the code of an authenticator app, or a recovery code, after a right password."""
    try:
        proved = await request.kept_password()
    except Unauthenticated:
        return request.redirect("/sign-in")
    if not request.line("code"):
        raise FormErrors(code="this is required")

    try:
        await request.start_session(proved, code=request.line("code"))
    except Unauthenticated:
        raise FormErrors(code="incorrect code") from None
    return request.redirect(_next(request))


async def send_passkey(request: PageRequest) -> Response:
    """Sign in with a passkey alone."""
    await passkey_forms.start_session(request, "sign in")
    return request.redirect(_next(request))


async def send_second_passkey(request: PageRequest) -> Response:
    """Sign in with a passkey, after a right password."""
    try:
        proved = await request.kept_password()
    except Unauthenticated:
        return request.redirect("/sign-in")
    await passkey_forms.start_session(request, "second factor", proved)
    return request.redirect(_next(request))


async def go_on(request: PageRequest) -> Response:
    """Go on to `next`: whoever comes here has confirmed who they are."""
    next_path = request.kept_fields("next", request.query("next"))
    return request.redirect(csrf.local_address(next_path) or FRONT_DOOR)


async def sign_out(request: PageRequest) -> Response:
    """Sign out and return to `next`, or show the sign-in form."""
    await request.end_session()
    return request.redirect(csrf.local_address(request.text("next")) or "/sign-in")


async def out(request: PageRequest) -> Response:
    """Ask whether to sign out, because signing out needs a form (POST)."""
    return request.page("sign_in/sign_out.html")


async def form(request: PageRequest) -> Response:
    """Show the sign-up form. Raises Forbidden if sign-up isn't open."""
    if request.site.passwords != "on":
        raise Forbidden("people sign in with a provider here, not with a password")
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


def _next(request: PageRequest) -> str:
    return csrf.local_address(request.text("next")) or FRONT_DOOR


PAGES = (
    Page("/sign-in", show, sign_in, is_set_up=True),
    Page("/sign-in/code", ask_for_code, send_code, is_set_up=True),
    Page("/sign-in/passkey", show, send_passkey, is_set_up=True),
    Page("/sign-in/code/passkey", ask_for_code, send_second_passkey, is_set_up=True),
    Page(reauthentication.CONFIRM, go_on, go_on, is_private=True, is_guarded=True, is_set_up=True),
    Page("/sign-out", out, sign_out, is_set_up=True),
    Page("/sign-up", form, sign_up),
)
