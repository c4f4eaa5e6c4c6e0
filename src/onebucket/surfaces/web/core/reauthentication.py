"""Ask for the password when a form arrives without a session or needs a recent password; what was typed is kept."""

from starlette.responses import Response

from onebucket.domain.refusals import Refusal, Unauthenticated
from onebucket.surfaces.web.core.page_request import Page, PageRequest, retry_after, sentence

_LOGIN, _PASSWORD = "again_login", "again_password"

# Status of the page that asks for the password: the form was not carried out.
_NOT_DONE = 403


async def reauthenticate(page: Page, request: PageRequest) -> Response:
    """Ask for the password; once it is right, show the page again with what was typed.

    The form is not carried out: the person has to send it once more.
    """
    await request.read_form()
    if not request.has(_PASSWORD):
        return _password_form(request)

    person = request.person
    login = person.username if person else request.line(_LOGIN)
    try:
        request.check_form()
        verified = await request.backend.verify_password(request.browser, login, request.text(_PASSWORD))
        await request.start_session(verified)
    except Unauthenticated:
        request.errors = {_PASSWORD: "incorrect password" if person else "incorrect username or password"}
        return _password_form(request)
    except Refusal as refusal:
        request.errors = {"": sentence(refusal)}
        return retry_after(_password_form(request, request.backend.status(refusal) or _NOT_DONE), refusal)
    await request.recognize()
    confirmation = "Password confirmed" if person else "You are signed in again"
    request.notice = f"{confirmation}. What you typed is still here: check it and send it again."
    return await page.show(request)


def _password_form(request: PageRequest, status: int = _NOT_DONE) -> Response:
    kept_fields = [
        (name, text) for name, text in request.typed if name not in ("form_token", _LOGIN) and "password" not in name
    ]
    return request.page("sign_in/confirm_password.html", status=status, hidden_fields=kept_fields)
