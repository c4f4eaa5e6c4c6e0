"""The home page and the API documentation."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from onebucket.actions import dashboard, setup
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import NotFound
from onebucket.surfaces.web.core.page_request import Page, PageRequest


async def front(request: PageRequest) -> Response:
    """Show somebody who has signed in their accounts and what waits for them; others, what this server is."""

    def load(work: UnitOfWork) -> tuple[str, dict[str, Any]]:
        if work.actor.account is not None:
            return "dashboard.html", {"dashboard": dashboard.dashboard(work)}
        return "home.html", {"needs_setup": setup.is_needed(work)}

    template, context = await request.read(load)
    return request.page(template, **context)


async def docs(request: PageRequest) -> Response:
    """List all operations of the API."""
    return request.page("docs/page.html", api=request.site.openapi())


async def operation(request: PageRequest) -> Response:
    """Show one operation of the API, with the schemas it uses."""
    document = request.site.openapi()
    for path, methods in document["paths"].items():
        for method, value in methods.items():
            if method != "parameters" and value["operationId"] == request.path_parameter("operation"):
                shapes = _shapes(value, document["components"]["schemas"])
                return request.page(
                    "docs/operation.html", path=path, method=method, methods=methods, operation=value, shapes=shapes
                )
    raise NotFound("the API has no such operation")


def _shapes(document: object, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas that an operation refers to, directly or not, in the order of the document."""
    names: set[str] = set()
    new = {*_references(document)}
    while new:
        names |= new
        new = {name for shape in new for name in _references(schemas[shape])} - names
    return {name: shape for name, shape in schemas.items() if name in names}


def _references(document: object) -> Iterator[str]:
    if isinstance(document, Mapping):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"].rpartition("/")[2]
        document = [*document.values()]
    if isinstance(document, list | tuple):
        for value in document:
            yield from _references(value)


PAGES = (Page("/", front, is_personal=True), Page("/docs", docs), Page("/docs/{operation}", operation))
