"""The pages: a front door, the API's documentation, making the first administrator, and faces."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from onebucket import hashing
from onebucket.actions import setup
from onebucket.actions.work import Work
from onebucket.domain.refusals import Invalid, NotFound, Refusal
from onebucket.surfaces.web import faces
from onebucket.wire import bodies

_Result = TypeVar("_Result")

SHORTEST_PASSWORD = 8

# Nothing from anywhere else, no script, no frame; said again by every page.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


class Operate(Protocol):
    """Runs an action as the operator, in a transaction of its own."""

    def __call__(self, action: Callable[[Work], _Result], /) -> Awaitable[_Result]: ...


class Pages:
    """Pages for people; `openapi` is the API's description, `operate` runs actions."""

    def __init__(self, *, openapi: Mapping[str, Any], operate: Operate) -> None:
        self._openapi = openapi
        self._operate = operate
        self._templates = Environment(
            loader=PackageLoader("onebucket.surfaces.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["marked"] = _marked
        self._templates.globals["base_url"] = openapi["servers"][0]["url"]

    def routes(self) -> list[BaseRoute]:
        """Every page's address."""
        return [
            Route("/", self.front, methods=["GET"]),
            Route("/docs", self.docs, methods=["GET"]),
            Route("/setup/{token}", self.setup, methods=["GET"]),
            Route("/setup/{token}", self.set_up, methods=["POST"]),
            Route("/avatars/{name}/{size}", self.avatar, methods=["GET"]),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ]

    async def front(self, request: Request) -> Response:
        """What this server is, and where to go."""
        needs_setup = await self._operate(setup.is_needed)
        return self._page("front.html", needs_setup=needs_setup)

    async def docs(self, request: Request) -> Response:
        """The API's description, to be read."""
        return self._page("docs.html", api=self._openapi)

    async def setup(self, request: Request) -> Response:
        """The form behind the one-time link. Opening it spends nothing."""
        hash = hashing.secret_hash(request.path_params["token"])
        if not await self._operate(lambda work: setup.is_offered(work, hash)):
            return self._page("spent.html", status=404)
        return self._page("setup.html", error="", username="", email="", shortest=SHORTEST_PASSWORD)

    async def set_up(self, request: Request) -> Response:
        """Make the first site administrator."""
        hash = hashing.secret_hash(request.path_params["token"])
        username, email, password = "", "", ""
        if not await self._operate(lambda work: setup.is_offered(work, hash)):
            return self._page("spent.html", status=404)
        try:
            fields = bodies.fields(await _body(request), request.headers.get("content-type"))
            username, email, password = (fields.text(name) or "" for name in ("username", "email", "password"))
            if len(password) < SHORTEST_PASSWORD:
                raise Invalid(f"the password must have {SHORTEST_PASSWORD} characters or more")
            kept = hashing.password_hash(password)
            made = await self._operate(
                lambda work: setup.take(work, hash, username=username, email=email or None, password_hash=kept)
            )
        except NotFound:
            return self._page("spent.html", status=404)
        except (Refusal, bodies.Unreadable) as error:
            return self._page(
                "setup.html", status=400, error=str(error), username=username, email=email, shortest=SHORTEST_PASSWORD
            )
        return self._page("done.html", username=made.username)

    async def avatar(self, request: Request) -> Response:
        """A face for a name: its first letter on a colour. Nobody's existence is told by it."""
        size = request.path_params["size"]
        if not re.fullmatch("[0-9]{1,9}", size):
            raise HTTPException(404)
        image = faces.svg(request.path_params["name"], min(max(int(size), 8), 512))
        headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'", "Cache-Control": "public, max-age=86400"}
        return Response(image, media_type="image/svg+xml", headers=headers)

    def _page(self, template: str, *, status: int = 200, **words: Any) -> Response:
        html = self._templates.get_template(template).render(words)
        return Response(html, status_code=status, media_type="text/html", headers=HEADERS)


def _marked(text: str) -> Markup:
    """Text whose `words` in backquotes are code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just now


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 1 << 16:
            raise Invalid("the form is too long")
    return body
