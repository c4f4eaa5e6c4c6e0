"""The pages behind other links in letters: an address to confirm, a new password in the place of a forgotten one."""

from starlette.responses import Response

from onebucket.actions import addresses, passwords
from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid, NotYours
from onebucket.surfaces.web.desk import Asked
from onebucket.surfaces.web.visit import Page, Visit, Wrong

# -- confirming an address -------------------------------------------------------------------------


async def address(visit: Visit) -> Response:
    """Which address is to be confirmed, for the person who asked for it."""
    hash = visit.link_hash
    try:
        _, link = await visit.look(lambda work: addresses.asked(work, hash))
    except NotYours as refusal:
        if visit.person is None:
            return visit.sign_in_here()
        return visit.refused(refusal, "links/not-yours.html", path=visit.path)
    return visit.page("links/address.html", link=link)


async def confirm(visit: Visit) -> Response:
    """Let the address be one of the person's."""
    hash = visit.link_hash
    await visit.change(lambda work: addresses.confirm(work, hash))
    return visit.go("/me?done=confirmed")


# -- a forgotten password --------------------------------------------------------------------------


async def forgotten(visit: Visit) -> Response:
    """The form to ask for a letter."""
    return visit.page("links/forgotten.html")


async def ask(visit: Visit) -> Response:
    """Send a letter if there is somebody to send it to; the answer is the same, and as quick, if there is nobody."""
    login = visit.line("login")
    if not login:
        raise Wrong(login="this is needed")
    # Whoever is asked for, so that this doesn't tell either.
    visit.desk.count_from_network(visit.caller, Asked.RESET)

    answer = visit.page("links/asked.html", login=login)
    answer.background = visit.afterwards(lambda work: passwords.forgotten(work, login))
    return answer


async def password(visit: Visit) -> Response:
    """The form for a new password."""
    hash = visit.link_hash
    person, _ = await visit.look(lambda work: passwords.whose(work, hash))
    return visit.page("links/password.html", person=person)


async def reset(visit: Visit) -> Response:
    """Set the new password; whoever has it signs in with it."""
    link, new = visit.link_hash, visit.text("password")
    await visit.look(lambda work: passwords.whose(work, link))
    try:
        accounts.check_password(new)
    except Invalid as refusal:
        raise Wrong(password=refusal.sentence) from None

    hash = await visit.desk.password_hash(visit.caller, new)
    end = visit.is_on("programs")
    await visit.change(lambda work: passwords.reset(work, link, hash, end_programs=end))
    await visit.end()
    return visit.go("/sign-in?done=password")


PAGES = (
    Page("/emails/{secret}", address, confirm, link="email"),
    Page("/passwords/forgotten", forgotten, ask),
    Page("/passwords/{secret}", password, reset, link="password"),
)
