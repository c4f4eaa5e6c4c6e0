"""Making the first administrator, with the link that the server printed when it started."""

from starlette.responses import Response

from onebucket.actions import setup
from onebucket.domain.refusals import LinkIsDead, NotFound
from onebucket.surfaces.web import people
from onebucket.surfaces.web.visit import Page, Visit


async def show(visit: Visit) -> Response:
    """The form behind the one-time link. Opening it spends nothing."""
    hash = visit.link_hash
    if not await visit.look(lambda work: setup.is_offered(work, hash)):
        raise LinkIsDead
    return visit.page("setup/form.html")


async def make(visit: Visit) -> Response:
    """Make the first site administrator."""
    hash = visit.link_hash
    if not await visit.look(lambda work: setup.is_offered(work, hash)):
        raise LinkIsDead
    new = people.typed(visit, email_needed=False)

    kept = await visit.desk.password_hash(visit.caller, new.password)
    try:
        made = await visit.desk.operate(
            visit.caller,
            lambda work: setup.take(work, hash, username=new.username, email=new.email or None, password_hash=kept),
        )
    except NotFound:
        raise LinkIsDead from None
    return visit.page("setup/done.html", username=made.username)


PAGES = (Page("/setup/{secret}", show, make, link="setup"),)
