"""The front door, and the API's description."""

from starlette.responses import Response

from onebucket.actions import setup
from onebucket.surfaces.web.visit import Page, Visit


async def front(visit: Visit) -> Response:
    """What this server is, and where to go."""
    return visit.page("front.html", needs_setup=await visit.look(setup.is_needed))


async def docs(visit: Visit) -> Response:
    """The API's description, to be read."""
    return visit.page("docs.html", api=visit.house.openapi)


PAGES = (Page("/", front), Page("/docs", docs))
