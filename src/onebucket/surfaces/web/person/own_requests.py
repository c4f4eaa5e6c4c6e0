"""A person's requests for access: ask for a level on a repository, see the answers, withdraw."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import access_requests
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.access_requests import AccessRequest
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

DONE = {
    "asked": "Your request waits for an administrator. You get an e-mail with the answer.",
    "withdrawn": "Request withdrawn.",
}


def _search_text(found: tuple[Account, AccessRequest]) -> str:
    owner, asked = found
    return f"{owner.username}/{asked.repository}"


async def show(request: PageRequest) -> Response:
    """List the person's requests with their answers, and a form to ask for more."""

    def load(work: UnitOfWork) -> dict[str, Any]:
        rows = access_requests.mine(work)
        return {"requests": paginate(request, rows, _search_text, most=25)}

    return request.page(
        "requests/own.html",
        done=DONE.get(request.query("done"), ""),
        repository=request.query("repository")[:200],
        level=request.query("level"),
        **await request.read(load),
    )


async def ask(request: PageRequest) -> Response:
    """Ask for a level on a repository."""
    account, slash, slug = request.line("repository").partition("/")
    if not account or not slash or not slug:
        raise FormErrors(repository="enter the account and the repository, such as acme/rocket")
    level, reason = privileges.parse_level(request.line("level")), request.line("reason")
    until = parsed_end(request)
    if not reason:
        raise FormErrors(reason="say in one sentence what you need it for")
    try:
        await request.write(lambda work: access_requests.ask(work, account, slug, level, reason, until))
    except NotFound as refusal:
        raise FormErrors(repository=refusal.sentence) from None
    except Invalid as refusal:
        raise error_beside(refusal, until="until") from None
    return request.redirect("/me/requests?done=asked")


async def withdraw(request: PageRequest) -> Response:
    """Withdraw a request that waits."""
    id = request.path_parameter("id")
    await request.write(lambda work: access_requests.withdraw(work, id))
    return request.redirect("/me/requests?done=withdrawn")


PAGES = (
    Page("/me/requests", show, ask, is_private=True),
    Page("/me/requests/{id}/withdraw", show, withdraw, is_private=True),
)
