"""Pages behind links in letters: confirm an e-mail address, reset a forgotten password."""

from starlette.responses import Response

from onebucket.actions import emails, passwords
from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid, WrongRecipient
from onebucket.surfaces.web.core.backend import Asked
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest

# -- confirming an address -------------------------------------------------------------------------


async def address(visit: PageRequest) -> Response:
    """Show the address to confirm, to the person who asked for it."""
    hash = visit.link_hash
    try:
        _, link = await visit.read(lambda work: emails.asked(work, hash))
    except WrongRecipient as refusal:
        if visit.person is None:
            return visit.sign_in_here()
        return visit.refused(refusal, "links/not-yours.html", path=visit.path)
    return visit.page("links/address.html", link=link)


async def confirm(visit: PageRequest) -> Response:
    """Confirm the address."""
    hash = visit.link_hash
    await visit.write(lambda work: emails.confirm(work, hash))
    return visit.redirect("/me?done=confirmed")


# -- a forgotten password --------------------------------------------------------------------------


async def forgotten(visit: PageRequest) -> Response:
    """Show the form that asks for a password reset letter."""
    return visit.page("links/forgotten.html")


async def ask(visit: PageRequest) -> Response:
    """Send a reset letter if the account exists.

    Response and duration are the same if it doesn't.
    """
    login = visit.line("login")
    if not login:
        raise FormErrors(login="this is needed")
    # Counted whether or not the account exists, so that the limit doesn't tell either.
    visit.backend.count_from_network(visit.browser, Asked.RESET)

    answer = visit.page("links/asked.html", login=login)
    answer.background = visit.run_after_response(lambda work: passwords.request_reset(work, login))
    return answer


async def password(visit: PageRequest) -> Response:
    """Show the form for a new password."""
    hash = visit.link_hash
    person, _ = await visit.read(lambda work: passwords.find_reset(work, hash))
    return visit.page("links/password.html", person=person)


async def reset(visit: PageRequest) -> Response:
    """Set the new password and end this browser's session; the person then signs in with it."""
    link, new = visit.link_hash, visit.text("password")
    await visit.read(lambda work: passwords.find_reset(work, link))
    try:
        accounts.check_password(new)
    except Invalid as refusal:
        raise FormErrors(password=refusal.sentence) from None

    hash = await visit.backend.password_hash(visit.browser, new)
    end = visit.is_checked("programs")
    await visit.write(lambda work: passwords.reset(work, link, hash, end_programs=end))
    await visit.end_session()
    return visit.redirect("/sign-in?done=password")


PAGES = (
    Page("/emails/{secret}", address, confirm, link="email"),
    Page("/passwords/forgotten", forgotten, ask),
    Page("/passwords/{secret}", password, reset, link="password"),
)
