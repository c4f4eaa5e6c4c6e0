"""Pages behind links in letters: confirm an e-mail address, reset a forgotten password."""

from starlette.responses import Response

from onebucket.actions import emails, passwords
from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid, WrongRecipient
from onebucket.surfaces.web.core.backend import Asked
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest

# -- confirming an address -------------------------------------------------------------------------


async def address(request: PageRequest) -> Response:
    """Show the address to confirm, to the person who asked for it."""
    link_hash = request.link_hash
    try:
        _, link = await request.read(lambda work: emails.asked(work, link_hash))
    except WrongRecipient as refusal:
        if request.person is None:
            return request.sign_in_here()
        return request.refused(refusal, "links/wrong_person.html", path=request.path)
    return request.page("links/confirm_address.html", link=link)


async def confirm(request: PageRequest) -> Response:
    """Confirm the address."""
    link_hash = request.link_hash
    await request.write(lambda work: emails.confirm(work, link_hash))
    return request.redirect("/me?done=confirmed")


# -- a forgotten password --------------------------------------------------------------------------


async def forgotten(request: PageRequest) -> Response:
    """Show the form that asks for a password reset letter."""
    return request.page("links/forgotten_password.html")


async def ask(request: PageRequest) -> Response:
    """Send a reset letter if the account exists.

    Response and duration are the same if it doesn't.
    """
    login = request.line("login")
    if not login:
        raise FormErrors(login="this is required")
    # Counted whether or not the account exists, so that the limit doesn't tell either.
    request.backend.count_from_network(request.browser, Asked.RESET)

    response = request.page("links/letter_sent.html", login=login)
    response.background = request.run_after_response(lambda work: passwords.request_reset(work, login))
    return response


async def password(request: PageRequest) -> Response:
    """Show the form for a new password."""
    link_hash = request.link_hash
    person, _ = await request.read(lambda work: passwords.find_reset(work, link_hash))
    return request.page("links/new_password.html", person=person)


async def reset(request: PageRequest) -> Response:
    """Set the new password and end this browser's session; the person then signs in with it."""
    link_hash, new_password = request.link_hash, request.text("password")
    await request.read(lambda work: passwords.find_reset(work, link_hash))
    try:
        accounts.check_password(new_password)
    except Invalid as refusal:
        raise FormErrors(password=refusal.sentence) from None

    password_hash = await request.backend.password_hash(request.browser, new_password)
    end_programs = request.is_checked("programs")
    await request.write(lambda work: passwords.reset(work, link_hash, password_hash, end_programs=end_programs))
    await request.end_session()
    return request.redirect("/sign-in?done=password")


PAGES = (
    Page("/emails/{secret}", address, confirm, link="email"),
    Page("/passwords/forgotten", forgotten, ask),
    Page("/passwords/{secret}", password, reset, link="password"),
)
