"""Every page, and how each is served: who may see it, what its forms need, and what is said when it can't be done."""

import re
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from onebucket.actions import overviews, sessions
from onebucket.domain.refusals import LinkIsDead, NotFound, Refusal
from onebucket.surfaces.web import (
    accounts,
    ask,
    consent,
    consumers,
    credentials,
    demo,
    faces,
    front,
    groups,
    guard,
    invitations,
    journal,
    letters,
    links,
    matrix,
    myself,
    pending,
    resuming,
    setup,
    signing,
    site,
)
from onebucket.surfaces.web.desk import Desk, House
from onebucket.surfaces.web.visit import HEADERS, Page, Visit, Wrong, retry_after, sentence

if TYPE_CHECKING:
    from jinja2 import Environment

EVERYWHERE = (
    *front.PAGES,
    *setup.PAGES,
    *signing.PAGES,
    *invitations.PAGES,
    *links.PAGES,
    *myself.PAGES,
    *accounts.PAGES,
    *groups.PAGES,
    *matrix.PAGES,
    *ask.PAGES,
    *journal.PAGES,
    *site.PAGES,
    *pending.PAGES,
    *letters.PAGES,
    *credentials.PAGES,
    *consumers.PAGES,
    *consent.PAGES,
)


class Static(StaticFiles):
    """The style sheet and the scripts; a browser asks each time whether they are still the same."""

    def file_response(self, *about: Any, **more: Any) -> Response:
        """A file, or that it is still the same."""
        answer = super().file_response(*about, **more)
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer


class Pages:
    """Pages for people, of one house; the desk does what they ask for."""

    def __init__(self, *, desk: Desk, house: House) -> None:
        self._desk = desk
        self._house = house

    @cached_property
    def _templates(self) -> "Environment":
        # Jinja is loaded for the first page: a server that starts, or is asked by programs only, has none to show.
        from onebucket.surfaces.web import rendering

        return rendering.environment()

    def routes(self) -> list[BaseRoute]:
        """Every page's address."""
        pages = (*EVERYWHERE, *(demo.PAGES if self._house.letters else ()))
        return [
            *(Route(page.path, self._served(page), methods=page.methods) for page in pages),
            Route("/avatars/{name}/{size}", avatar, methods=["GET"]),
            Mount("/static", Static(directory=Path(__file__).parent / "static")),
        ]

    def _served(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            visit = Visit(request, self._desk, self._house, self._templates)
            try:
                answer = await _answered(page, visit)
            except Exception as error:
                answer = await _refused(page, visit, error)
            name = visit.person.username if visit.person else None
            self._desk.tell(visit.caller, request.method, page.path, answer.status_code, name)
            return visit.finish(answer, is_private=page.is_private or bool(page.link))

        return serve


async def _answered(page: Page, visit: Visit) -> Response:
    await visit.recognize()
    if page.is_private and visit.person is None and visit.request.method == "POST":
        return await resuming.resume(page, visit)
    if page.is_private and visit.person is None:
        return visit.go(f"/sign-in?{urlencode({'next': visit.path})}")
    if page.is_costly or visit.request.method == "POST":
        visit.count()
    if visit.request.method != "POST" or page.send is None:
        return await page.show(visit)
    if page.is_guarded and visit.person is not None and not await visit.look(sessions.is_confirmed):
        return await resuming.resume(page, visit)
    await visit.read_form()
    visit.check_form()
    return await page.send(visit)


async def _refused(page: Page, visit: Visit, error: Exception) -> Response:
    """The form again with what is wrong with it and what was typed or, where there is none, a page that says no."""
    status = visit.desk.status(error)
    if status is None:
        raise error
    if isinstance(error, LinkIsDead):
        return visit.refused(error, "links/dead.html", kind=page.link)
    if visit.request.method != "POST" or isinstance(error, guard.Elsewhere | guard.TooOften):
        return visit.refused(error, "refused.html", back=await _back(page, visit, error))

    visit.errors = error.fields if isinstance(error, Wrong) else {"": sentence(error)}
    try:
        again = await page.show(visit)
    except Exception as other:
        if visit.desk.status(other) is None:
            raise
        if isinstance(other, LinkIsDead):
            return visit.refused(other, "links/dead.html", kind=page.link)
        return visit.refused(other, "refused.html", back=await _back(page, visit, other))
    if again.status_code == 200:
        again.status_code = status
    return retry_after(again, error)


async def _back(page: Page, visit: Visit, error: Exception) -> str:
    """Where to go on from a part of an account that isn't there; empty where nothing is better than one's own page."""
    if not page.path.startswith("/accounts/{name}/") or not isinstance(error, NotFound):
        return ""
    try:
        await visit.look(lambda work: overviews.place(work, visit.word("name")))
    except Refusal:
        return ""
    return f"/accounts/{visit.segment('name')}"


async def avatar(request: Request) -> Response:
    """A face for a name: its first letter on a colour. Nobody's existence is told by it."""
    size = request.path_params["size"]
    if not re.fullmatch("[0-9]{1,9}", size):
        raise HTTPException(404)
    image = faces.svg(request.path_params["name"], min(max(int(size), 8), 512))
    headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'", "Cache-Control": "public, max-age=86400"}
    return Response(image, media_type="image/svg+xml", headers=headers)
