"""Create the first site administrator, with the setup link that the server prints at start-up."""

from starlette.responses import Response

from onebucket.actions import setup
from onebucket.domain.refusals import LinkExpired, NotFound
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.person import signup_form


async def show(visit: PageRequest) -> Response:
    """Show the form behind the setup link.

    Opening the link doesn't use it up. Raises LinkExpired.
    """
    hash = visit.link_hash
    if not await visit.read(lambda work: setup.is_link_valid(work, hash)):
        raise LinkExpired
    return visit.page("setup/form.html")


async def make(visit: PageRequest) -> Response:
    """Create the first site administrator. Raises LinkExpired."""
    hash = visit.link_hash
    if not await visit.read(lambda work: setup.is_link_valid(work, hash)):
        raise LinkExpired
    new = signup_form.read_form(visit, email_needed=False)

    kept = await visit.backend.password_hash(visit.browser, new.password)
    try:
        made = await visit.backend.write_as_operator(
            visit.browser,
            lambda work: setup.complete(work, hash, username=new.username, email=new.email or None, password_hash=kept),
        )
    except NotFound:
        raise LinkExpired from None
    return visit.page("setup/done.html", username=made.username)


PAGES = (Page("/setup/{secret}", show, make, link="setup"),)
