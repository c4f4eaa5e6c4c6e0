"""A person's security page: second factors, sessions, and what else can sign in or act for them."""

from functools import partial
from typing import Any

from starlette.responses import Response

from onebucket.actions import oauth_authorizations, second_factors, sessions, ssh_keys, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.web.core.page_request import Page, PageRequest

# Confirmation messages, by the `done` parameter of the next page.
DONE = {
    "added": "Second factor added. From now on it is asked for when you sign in. You get an e-mail about it.",
    "renamed": "Second factor renamed.",
    "removed": "Second factor removed. You get an e-mail about it.",
    "ended": "Session ended. That browser has to sign in again.",
}


async def show(request: PageRequest) -> Response:
    """Show what the person has set up, where they have signed in, and when each credential was last used."""

    def load(work: UnitOfWork) -> dict[str, Any]:
        me = request.me
        return {
            "me": me,
            "held": second_factors.of_person(work, me.id),
            "is_missing": sessions.lacks_second_factor(work),
            "sessions": sessions.list_own(work),
            "app_passwords": tokens.of_person(work, me.id),
            "authorizations": oauth_authorizations.list_authorizations(work),
            "keys": ssh_keys.of_person(work, me.id)[1],
        }

    return request.page("me/security.html", done=DONE.get(request.query("done"), ""), **await request.read(load))


async def end_session(request: PageRequest) -> Response:
    """Sign out another browser."""
    await request.write(partial(sessions.end, id=request.path_parameter("id")))
    return request.redirect("/me/security?done=ended#sessions")


async def end_other_sessions(request: PageRequest) -> Response:
    """Sign out all other browsers."""
    await request.write(sessions.end_others)
    return request.redirect("/me/security?done=ended#sessions")


PAGES = (
    Page("/me/security", show, is_private=True, is_set_up=True),
    Page("/me/sessions/end", show, end_other_sessions, is_private=True, is_set_up=True),
    Page("/me/sessions/{id}/end", show, end_session, is_private=True, is_set_up=True),
)
