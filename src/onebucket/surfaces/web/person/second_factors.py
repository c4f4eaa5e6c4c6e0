"""Pages to set up, rename and remove second factors, and to get recovery codes."""

from urllib.parse import urlencode

from starlette.responses import Response

from onebucket import hashing, passkeys, totp
from onebucket.actions import second_factors
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid, NotFound, Unauthenticated
from onebucket.domain.second_factors import RECOVERY_CODES, SecondFactor, clean_label
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.passkey_forms import ANSWER, purpose_of
from onebucket.surfaces.web.person import security


async def start_app(request: PageRequest) -> Response:
    """Begin to set up an authenticator app."""
    label = request.text("label")
    try:
        factor = await request.write(lambda work: second_factors.start_app(work, label))
    except Invalid as refusal:
        raise FormErrors(label=refusal.sentence) from None
    return request.redirect(f"/me/security/apps/{factor.id}")


async def show_app(request: PageRequest) -> Response:
    """Show the secret of an authenticator app that is being set up, with a form for its first code."""
    id = request.path_parameter("id")
    factor = await request.read(lambda work: second_factors.pending_app(work, id))
    secret = request.backend.totp_secret(factor.account_id, factor.id)
    address = totp.setup_address(secret, username=request.me.username, host=request.site.host)
    return request.page("me/new_app.html", factor=factor, secret=secret, address=address, qr_code=totp.qr_code(address))


async def confirm_app(request: PageRequest) -> Response:
    """Let the app count, once a code of it was entered."""
    id, code, recovery_codes = request.path_parameter("id"), request.line("code"), _new_recovery_codes(request)

    def confirm(work: UnitOfWork) -> tuple[SecondFactor, bool]:
        return second_factors.confirm_app(
            work, id, code, secret_of=request.backend.totp_secret, recovery_codes=recovery_codes
        )

    try:
        _, is_first = await request.write(confirm)
    except Invalid as refusal:
        raise FormErrors(code=refusal.sentence) from None
    return added(request, recovery_codes if is_first else [])


async def name_passkey(request: PageRequest) -> Response:
    """Go on to the page that creates a passkey with this name."""
    try:
        label = clean_label(request.text("passkey_label"))
    except Invalid as refusal:
        raise FormErrors(passkey_label=refusal.sentence) from None
    return request.redirect(f"/me/security/passkeys/new?{urlencode({'label': label})}")


async def show_new_passkey(request: PageRequest) -> Response:
    """Show the button that lets the browser create a passkey."""
    site = request.site.relying_party
    if site is None:
        raise NotFound("browsers offer passkeys only where the server has a name and https")
    held = await request.read(lambda work: second_factors.of_person(work, request.me.id))
    challenge = request.backend.challenge(_creation(request))
    registered = [each.passkey for each in held.factors if each.passkey]
    options = passkeys.creation_options(site, request.me, challenge, registered)
    label = request.kept_fields("label", request.query("label"))
    return request.page("me/new_passkey.html", label=label, passkey_options=options)


async def add_passkey(request: PageRequest) -> Response:
    """Add the passkey that the browser has created."""
    answer, label, recovery_codes = request.text(ANSWER), request.text("label"), _new_recovery_codes(request)
    site = request.site.relying_party
    if site is None:
        raise NotFound("browsers offer passkeys only where the server has a name and https")
    try:
        challenge = request.backend.check_challenge(answer, _creation(request))
    except Unauthenticated as refusal:
        raise Invalid(refusal.sentence) from None
    passkey = passkeys.register(site, answer, challenge)

    _, is_first = await request.write(
        lambda work: second_factors.add_passkey(work, label, passkey, recovery_codes=recovery_codes)
    )
    return added(request, recovery_codes if is_first else [])


def _creation(request: PageRequest) -> str:
    return purpose_of(request, f"new passkey of {request.me.id}")


async def show_one(request: PageRequest) -> Response:
    """Show one second factor, with a form for its name."""
    id = request.path_parameter("id")
    planned = await request.read(lambda work: second_factors.removal(work, request.me.id, id))
    return request.page("me/second_factor.html", factor=planned.factor, is_last=planned.is_last)


async def rename(request: PageRequest) -> Response:
    """Give a second factor another name."""
    id, label = request.path_parameter("id"), request.text("label")
    try:
        await request.write(lambda work: second_factors.rename(work, id, label))
    except Invalid as refusal:
        raise FormErrors(label=refusal.sentence) from None
    return request.redirect("/me/security?done=renamed")


async def remove(request: PageRequest) -> Response:
    """Remove a second factor."""
    id = request.path_parameter("id")
    await request.write(lambda work: second_factors.remove(work, request.me.id, id))
    return request.redirect("/me/security?done=removed")


async def renew_recovery_codes(request: PageRequest) -> Response:
    """Make new recovery codes, and show them, this once."""
    codes = _new_recovery_codes(request)
    await request.write(lambda work: second_factors.renew_recovery_codes(work, codes))
    return request.page("me/recovery_codes.html", codes=codes, is_new=False)


def added(request: PageRequest, recovery_codes: list[str]) -> Response:
    """Show the recovery codes that came with the first second factor, or return to the security page."""
    if not recovery_codes:
        return request.redirect("/me/security?done=added")
    return request.page("me/recovery_codes.html", codes=recovery_codes, is_new=True)


def _new_recovery_codes(request: PageRequest) -> list[str]:
    return [hashing.recovery_code(request.backend.new_secret()) for _ in range(RECOVERY_CODES)]


PAGES = (
    Page("/me/security/apps", security.show, start_app, is_private=True, is_guarded=True, is_set_up=True),
    Page("/me/security/apps/{id}", show_app, confirm_app, is_private=True, is_set_up=True),
    Page("/me/security/passkeys", security.show, name_passkey, is_private=True, is_guarded=True, is_set_up=True),
    Page("/me/security/passkeys/new", show_new_passkey, add_passkey, is_private=True, is_guarded=True, is_set_up=True),
    Page("/me/security/recovery-codes", security.show, renew_recovery_codes, is_private=True, is_guarded=True),
    Page("/me/security/{id}", show_one, rename, is_private=True),
    Page("/me/security/{id}/remove", show_one, remove, is_private=True, is_guarded=True),
)
