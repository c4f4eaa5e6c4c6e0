"""Create the first site administrator, with the setup link that the server prints at start-up."""

from starlette.responses import Response

from onebucket.actions import setup
from onebucket.domain.refusals import LinkExpired, NotFound
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.person import signup_form


async def show(request: PageRequest) -> Response:
    """Show the form behind the setup link.

    Opening the link doesn't use it up. Raises LinkExpired.
    """
    link_hash = request.link_hash
    if not await request.read(lambda work: setup.is_link_valid(work, link_hash)):
        raise LinkExpired
    return request.page("setup/form.html")


async def make(request: PageRequest) -> Response:
    """Create the first site administrator. Raises LinkExpired."""
    link_hash = request.link_hash
    if not await request.read(lambda work: setup.is_link_valid(work, link_hash)):
        raise LinkExpired
    form = signup_form.read_form(request, email_needed=False)

    password_hash = await request.backend.password_hash(request.browser, form.password)
    try:
        account = await request.backend.write_as_operator(
            request.browser,
            lambda work: setup.complete(
                work, link_hash, username=form.username, email=form.email or None, password_hash=password_hash
            ),
        )
    except NotFound:
        raise LinkExpired from None
    return request.page("setup/done.html", username=account.username)


PAGES = (Page("/setup/{secret}", show, make, link="setup"),)
