"""A form that is sent when nobody is signed in any more, or that wants the password again: what was typed is kept."""

from starlette.responses import Response

from onebucket.domain.refusals import Refusal, Unauthenticated
from onebucket.surfaces.web.core.page_request import Page, PageRequest, retry_after, sentence

_LOGIN, _PASSWORD = "again_login", "again_password"

# A page that asks who one is has done nothing.
_ASKED = 403


async def reauthenticate(page: Page, visit: PageRequest) -> Response:
    """The page with what was typed for whoever has signed in just now; otherwise the form for that.

    Nothing of what was typed is done: it is to be sent once more.
    """
    await visit.read_form()
    if not visit.has(_PASSWORD):
        return _asked(visit)

    known = visit.person
    login = known.username if known else visit.line(_LOGIN)
    try:
        visit.check_form()
        proved = await visit.backend.verify_password(visit.browser, login, visit.text(_PASSWORD))
        await visit.start_session(proved)
    except Unauthenticated:
        visit.errors = {
            _PASSWORD: "that is not your password" if known else "there is nobody with that name and that password"
        }
        return _asked(visit)
    except Refusal as refusal:
        visit.errors = {"": sentence(refusal)}
        return retry_after(_asked(visit, visit.backend.status(refusal) or _ASKED), refusal)
    await visit.recognize()
    done = "It is you" if known else "You are signed in again"
    visit.notice = f"{done}. What you typed is here: look at it, and send it once more."
    return await page.show(visit)


def _asked(visit: PageRequest, status: int = _ASKED) -> Response:
    kept = [(name, text) for name, text in visit.typed if name not in ("form_token", _LOGIN) and "password" not in name]
    return visit.page("signing/again.html", status=status, kept=kept)
