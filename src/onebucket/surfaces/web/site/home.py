"""The home page and the API documentation."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from onebucket.actions import setup
from onebucket.domain.refusals import NotFound
from onebucket.surfaces.web.core.page_request import Page, PageRequest


async def front(request: PageRequest) -> Response:
    """Show what this server is and where to go."""
    return request.page("front.html", needs_setup=await request.read(setup.is_needed))


async def docs(request: PageRequest) -> Response:
    """List all operations of the API."""
    return request.page("docs/page.html", api=request.site.openapi())


async def operation(request: PageRequest) -> Response:
    """Show one operation of the API, with the schemas it uses."""
    described = request.site.openapi()
    for path, methods in described["paths"].items():
        for method, each in methods.items():
            if method != "parameters" and each["operationId"] == request.path_parameter("operation"):
                shapes = _shapes(each, described["components"]["schemas"])
                return request.page(
                    "docs/operation.html", path=path, method=method, methods=methods, operation=each, shapes=shapes
                )
    raise NotFound("the API has no such operation")


def _shapes(described: object, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas that an operation refers to, directly or not, in the order of the document."""
    names: set[str] = set()
    new = {*_references(described)}
    while new:
        names |= new
        new = {name for shape in new for name in _references(schemas[shape])} - names
    return {name: shape for name, shape in schemas.items() if name in names}


def _references(described: object) -> Iterator[str]:
    if isinstance(described, Mapping):
        if isinstance(described.get("$ref"), str):
            yield described["$ref"].rpartition("/")[2]
        described = [*described.values()]
    if isinstance(described, list | tuple):
        for each in described:
            yield from _references(each)


PAGES = (Page("/", front), Page("/docs", docs), Page("/docs/{operation}", operation))
