"""The table of all pages, and how each request is served: sign-in, CSRF, rate limit, errors."""

import re
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from onebucket.actions import account_overview
from onebucket.domain.refusals import Forbidden, LinkExpired, NotFound, Refusal
from onebucket.surfaces.web.account import (
    access_check,
    access_history,
    directories,
    ends,
    given_access,
    groups,
    invitations,
    journal,
    membership_end,
    mirror_settings,
    mirrors,
    oauth_apps,
    overview,
    people,
    privilege_matrix,
    project_permissions,
    projects,
    repositories,
    repository_permissions,
    repository_settings,
    request_queue,
    review_answers,
    reviews,
    tokens,
    undoing,
    ways_to_end,
    webhooks,
)
from onebucket.surfaces.web.core import avatars, csrf, toasts
from onebucket.surfaces.web.core.admission import Admission, Diverted
from onebucket.surfaces.web.core.backend import PageBackend, SiteInfo
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS, retry_after, sentence
from onebucket.surfaces.web.person import (
    app_passwords,
    consent,
    email_links,
    invitation_offer,
    own_requests,
    profile,
    provider_sign_in,
    second_factors,
    security,
    sign_in,
    ssh_keys,
    theme,
)
from onebucket.surfaces.web.site import administration, demo, home, outbox, search, setup, site_people

if TYPE_CHECKING:
    from jinja2 import Environment

EVERYWHERE = (
    *home.PAGES,
    *search.PAGES,
    *setup.PAGES,
    *sign_in.PAGES,
    *provider_sign_in.PAGES,
    *invitation_offer.PAGES,
    *email_links.PAGES,
    *profile.PAGES,
    *security.PAGES,
    *second_factors.PAGES,
    *theme.PAGES,
    *overview.PAGES,
    *groups.PAGES,
    *membership_end.PAGES,
    *ends.PAGES,
    *given_access.PAGES,
    *projects.PAGES,
    *project_permissions.PAGES,
    *repository_settings.PAGES,
    *repositories.PAGES,
    *repository_permissions.PAGES,
    *privilege_matrix.PAGES,
    *access_check.PAGES,
    *ways_to_end.PAGES,
    *tokens.PAGES,
    *access_history.PAGES,
    *people.PAGES,
    *reviews.PAGES,
    *review_answers.PAGES,
    *journal.PAGES,
    *undoing.PAGES,
    *mirrors.PAGES,
    *mirror_settings.PAGES,
    *administration.PAGES,
    *site_people.PAGES,
    *invitations.PAGES,
    *request_queue.PAGES,
    *own_requests.PAGES,
    *outbox.PAGES,
    *app_passwords.PAGES,
    *ssh_keys.PAGES,
    *oauth_apps.PAGES,
    *directories.PAGES,
    *webhooks.PAGES,
    *consent.PAGES,
)


class CachedStaticFiles(StaticFiles):
    """Style sheet and scripts; browsers revalidate them on each request."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or 304 if it is unchanged."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class PageRouter:
    """Serves the pages of one site over a `PageBackend`."""

    def __init__(self, *, backend: PageBackend, site: SiteInfo) -> None:
        self._backend = backend
        self._site = site

    @cached_property
    def _templates(self) -> "Environment":
        # Jinja is imported for the first page, so that start-up and API-only servers don't pay for it.
        from onebucket.surfaces.web.core import rendering

        return rendering.environment()

    def routes(self) -> list[BaseRoute]:
        """Return the routes of all pages, avatars and static files."""
        pages = (*EVERYWHERE, *(demo.PAGES if self._site.demo_letters else ()))
        return [
            *(Route(page.path, self._endpoint(page), methods=page.methods) for page in pages),
            Route("/avatars/{name}/{size}", avatar, methods=["GET"]),
            Mount("/static", CachedStaticFiles(directory=Path(__file__).parents[1] / "static")),
        ]

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Say that there is nothing at an address: on a page to browsers, in plain text to programs."""
        if request.method not in ("GET", "HEAD") or "text/html" not in request.headers.get("accept", "").lower():
            return PlainTextResponse("Not Found", 404)
        page_request = PageRequest(request, self._backend, self._site, self._templates)
        refusal: Exception = NotFound("there is no page at this address")
        try:
            await page_request.recognize()
        except Exception as unavailable:
            if self._backend.status(unavailable) is None:
                raise
            page_request.is_recognized = True
            refusal = unavailable
        response = page_request.refused(refusal, "error.html", back="")
        response.headers["Cache-Control"] = "no-store"
        return response

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            page_request = PageRequest(request, self._backend, self._site, self._templates)
            try:
                response = await _respond(page, page_request)
            except Exception as error:
                # If who asks couldn't even be read, nobody has signed in.
                page_request.is_recognized = True
                response = await _error_response(page, page_request, error)
            finally:
                # They refer to each other, and with them the connection would stay open until garbage is collected.
                page_request.admit = lambda work: None
            name = page_request.person.username if page_request.person else None
            self._backend.record_request(page_request.browser, request.method, page.path, response.status_code, name)
            return page_request.finish(response, is_private=page.is_private or bool(page.link))

        return serve


async def _respond(page: Page, page_request: PageRequest) -> Response:
    admission = page_request.admit = Admission(page, page_request)
    try:
        if page_request.is_recognized:
            admission.admit_nobody()
        return await _answer(page, page_request)
    except Diverted as diverted:
        # What is shown instead is for anybody.
        page_request.admit = lambda work: None
        return await diverted.instead(page, page_request)


async def _answer(page: Page, page_request: PageRequest) -> Response:
    is_form = page_request.request.method == "POST"
    if not is_form and (page.is_private or page.is_personal):
        return await _show(page, page_request)
    await page_request.recognize()
    if not is_form or page.send is None:
        return await page.show(page_request)
    await page_request.read_form()
    page_request.check_form()
    return toasts.announce(await page.send(page_request), page_request.entries)


async def _show(page: Page, page_request: PageRequest) -> Response:
    """Show a page whose first read says who asks; if it needed to know before, or reads nothing, show it again."""
    try:
        response = await page.show(page_request)
    except Exception:
        if page_request.is_recognized:
            raise
    else:
        if page_request.is_recognized:
            return response
    await page_request.recognize()
    return await page.show(page_request)


async def _error_response(page: Page, page_request: PageRequest, error: Exception) -> Response:
    """Show the form again with the error and what was typed; or an error page if there is no form."""
    status = page_request.backend.status(error)
    if status is None:
        raise error
    if isinstance(error, LinkExpired):
        return page_request.refused(error, "links/expired.html", kind=page.link)
    if page_request.request.method != "POST" or isinstance(error, csrf.CrossSiteForm | csrf.TooOften):
        return await _error_page(page, page_request, error)

    page_request.errors = error.fields if isinstance(error, FormErrors) else {"": sentence(error)}
    try:
        form_page = await page.show(page_request)
    except Exception as second:
        if page_request.backend.status(second) is None:
            raise
        if isinstance(second, LinkExpired):
            return page_request.refused(second, "links/expired.html", kind=page.link)
        return await _error_page(page, page_request, second)
    if form_page.status_code == 200:
        form_page.status_code = status
    return retry_after(form_page, error)


async def _error_page(page: Page, page_request: PageRequest, error: Exception) -> Response:
    back = await _back(page, page_request, error)
    return page_request.refused(error, "error.html", back=back, ask=_ask(page, page_request, error))


def _ask(page: Page, page_request: PageRequest, error: Exception) -> str:
    """Return the address of the form that asks for access, where a page of an account is refused.

    It is the same for a repository that the person can't see and for one that doesn't exist.
    """
    is_refused = isinstance(error, Forbidden | NotFound) and page_request.person is not None
    if not is_refused or not page.path.startswith("/accounts/{name}/") or page.path == undoing.UNDO:
        return ""
    slug = page_request.path_parameter("slug") if page.path.startswith("/accounts/{name}/repositories/{slug}") else ""
    wish = {"repository": f"{page_request.path_parameter('name')}/{slug}"}
    return f"/me/requests?{urlencode(wish, errors='replace')}#ask"


async def _back(page: Page, page_request: PageRequest, error: Exception) -> str:
    """Return the account's page if only a part of the account is missing; empty means the person's own page."""
    if not page.path.startswith("/accounts/{name}/") or not isinstance(error, NotFound):
        return ""
    try:
        await page_request.read(
            lambda work: account_overview.account_summary(work, page_request.path_parameter("name"))
        )
    except Refusal:
        return ""
    return f"/accounts/{page_request.segment('name')}"


async def avatar(request: Request) -> Response:
    """Return an SVG avatar for any name; it is the same whether or not the account exists."""
    size = request.path_params["size"]
    if not re.fullmatch("[0-9]{1,9}", size):
        raise HTTPException(404)
    image = avatars.avatar_svg(request.path_params["name"], min(max(int(size), 8), 512))
    headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'", "Cache-Control": "public, max-age=86400"}
    return Response(image, media_type="image/svg+xml", headers=headers)
