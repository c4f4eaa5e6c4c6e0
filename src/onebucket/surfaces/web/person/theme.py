"""The page where a browser is told whether to show light or dark pages."""

from starlette.responses import Response

from onebucket.domain.refusals import Invalid
from onebucket.surfaces.web.core.cookies import THEMES
from onebucket.surfaces.web.core.page_request import Page, PageRequest


async def show(request: PageRequest) -> Response:
    """Show the choices."""
    if request.query("done"):
        request.notice = f"This browser now shows {THEMES[request.cookies.theme]}."
    return request.page("me/theme.html", themes=THEMES)


async def choose(request: PageRequest) -> Response:
    """Keep the choice in a cookie of this browser. Raises Invalid."""
    theme = request.text("theme")
    if theme not in THEMES:
        raise Invalid("theme is light, dark or empty")
    request.cookies.keep_theme(theme)
    return request.redirect("/theme?done=1")


PAGES = (Page("/theme", show, choose, is_set_up=True),)
