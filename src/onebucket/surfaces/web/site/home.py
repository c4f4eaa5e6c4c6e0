"""The home page and the API documentation."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from onebucket.actions import setup
from onebucket.domain.refusals import NotFound
from onebucket.surfaces.web.core.page_request import Page, PageRequest


async def front(visit: PageRequest) -> Response:
    """Show what this server is and where to go."""
    return visit.page("front.html", needs_setup=await visit.read(setup.is_needed))


async def docs(visit: PageRequest) -> Response:
    """List all operations of the API."""
    return visit.page("docs/page.html", api=visit.site.openapi())


async def operation(visit: PageRequest) -> Response:
    """Show one operation of the API, with the schemas it uses."""
    described = visit.site.openapi()
    for path, methods in described["paths"].items():
        for method, each in methods.items():
            if method != "parameters" and each["operationId"] == visit.path_parameter("operation"):
                shapes = _shapes(each, described["components"]["schemas"])
                return visit.page(
                    "docs/operation.html", path=path, method=method, methods=methods, operation=each, shapes=shapes
                )
    raise NotFound("the API has no such operation")


def _shapes(described: object, every: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas that an operation refers to, directly or not, in the order of the document."""
    wanted: set[str] = set()
    new = {*_named(described)}
    while new:
        wanted |= new
        new = {name for shape in new for name in _named(every[shape])} - wanted
    return {name: shape for name, shape in every.items() if name in wanted}


def _named(described: object) -> Iterator[str]:
    if isinstance(described, Mapping):
        if isinstance(described.get("$ref"), str):
            yield described["$ref"].rpartition("/")[2]
        described = [*described.values()]
    if isinstance(described, list | tuple):
        for each in described:
            yield from _named(each)


PAGES = (Page("/", front), Page("/docs", docs), Page("/docs/{operation}", operation))
