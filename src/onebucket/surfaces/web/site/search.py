"""The search page: accounts, groups, repositories and people, from anywhere."""

from starlette.responses import Response

from onebucket.actions import search
from onebucket.surfaces.web.core.page_request import Page, PageRequest


async def show(request: PageRequest) -> Response:
    """Show what was found, or only the field if nothing was looked for."""
    text = request.query("q")
    found = await request.read(lambda work: search.search(work, text))
    return request.page("search.html", text=text, found=found)


PAGES = (Page("/search", show, is_private=True, is_costly=True),)
