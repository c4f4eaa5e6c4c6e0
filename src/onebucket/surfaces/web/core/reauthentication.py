"""Ask for the password when a form arrives without a session or needs a recent password; what was typed is kept."""

from collections.abc import Sequence

from starlette.responses import Response

from onebucket.actions import second_factor_checks
from onebucket.domain.refusals import Refusal, Unauthenticated
from onebucket.surfaces.web.core import passkey_forms
from onebucket.surfaces.web.core.backend import SecondFactorNeeded
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import retry_after, sentence

_LOGIN, _PASSWORD, _CODE = "again_login", "again_password", "again_code"
_PASSKEY = "again_passkey"

# The form of `ask_before_showing` goes here.
CONFIRM = "/sign-in/confirm"

# Status of the page that asks for the password: the form was not carried out.
_NOT_DONE = 403


async def reauthenticate(page: Page, request: PageRequest) -> Response:
    """Ask for the password; once it is right, show the page again with what was typed.

    The form is not carried out: the person has to send it once more.
    """
    await request.read_form()
    if not request.has(_PASSWORD) and not request.has(_PASSKEY):
        return await _password_form(request)

    person = request.person
    login = person.username if person else request.line(_LOGIN)
    try:
        request.check_form()
        if request.has(_PASSKEY):
            await passkey_forms.start_session(
                request, _PASSKEY, account_id=person.id if person else None, field=_PASSKEY
            )
        else:
            verified = await request.backend.verify_password(request.browser, login, request.text(_PASSWORD))
            await request.start_session(verified, code=request.line(_CODE))
    except SecondFactorNeeded:
        request.errors = {_CODE: "this is required"}
        return await _password_form(request)
    except Unauthenticated:
        request.errors = {_PASSWORD: _wrong(request)}
        return await _password_form(request)
    except Refusal as refusal:
        request.errors = {"": sentence(refusal)}
        return retry_after(await _password_form(request, request.backend.status(refusal) or _NOT_DONE), refusal)
    await request.recognize()
    confirmation = "Confirmed" if request.has(_PASSKEY) else "Password confirmed"
    confirmation = confirmation if person else "You are signed in again"
    request.notice = f"{confirmation}. What you typed is still here: check it and send it again."
    return await page.show(request)


async def ask_before_showing(page: Page, request: PageRequest) -> Response:
    """Ask for the password and a code before a page is shown; a form leads there once they are right."""
    return await _password_form(request, kept=[("next", request.same_page({}))], action=CONFIRM)


def _wrong(request: PageRequest) -> str:
    """Say that something was wrong; with a code, not which of both."""
    what = "password" if request.person else "username or password"
    return f"incorrect {what.replace(' or ', ', ')} or code" if request.line(_CODE) else f"incorrect {what}"


async def _password_form(
    request: PageRequest, status: int = _NOT_DONE, *, kept: Sequence[tuple[str, str]] = (), action: str = ""
) -> Response:
    kept_fields = list(kept) or [
        (name, text)
        for name, text in request.typed
        if name not in ("form_token", _LOGIN, _CODE, _PASSKEY) and "password" not in name
    ]
    credential_ids = await request.read(second_factor_checks.own_passkey_ids) if request.person else []
    options = ""
    if credential_ids or request.person is None:
        options = passkey_forms.request_options(request, _PASSKEY, credential_ids, is_alone=True)
    return request.page(
        "sign_in/confirm_password.html",
        status=status,
        hidden_fields=kept_fields,
        passkey_options=options,
        action=action or request.same_page({}),
        is_form=not action and request.path != CONFIRM,
    )
