"""Handlers of `/user` and `/users`: who the caller is, and who others are."""

from onebucket.actions import workspaces
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import email_key
from onebucket.domain.refusals import NotFound
from onebucket.safe_text import quote_text
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2.objects import EmailAddress, WorkspaceUser
from onebucket.surfaces.v2.pages import PagedList, page_of
from onebucket.surfaces.v2.shapes import Shapes


def read_oneself(work: UnitOfWork, request: ApiRequest) -> WorkspaceUser:
    """Return the caller."""
    found = workspaces.oneself(work)
    return Shapes(request.base_url).user(found.account, created_at=found.created_at, shows_factor=True)


def read_user(work: UnitOfWork, request: ApiRequest) -> WorkspaceUser:
    """Return a person."""
    found = workspaces.person(work, request.path_parameters["selected_user"])
    shows_factor = workspaces.shows_factor(work, found.account.id)
    return Shapes(request.base_url).user(found.account, created_at=found.created_at, shows_factor=shows_factor)


def list_emails(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the caller's addresses, the primary one first."""
    addresses, page = _emails(work, request), page_of(request)
    return PagedList(addresses[page.offset : page.offset + page.limit], len(addresses), page)


def read_email(work: UnitOfWork, request: ApiRequest) -> EmailAddress:
    """Return one address of the caller."""
    wanted = request.path_parameters["email"]
    for address in _emails(work, request):
        if email_key(address.email) == email_key(wanted):
            return address
    raise NotFound(f"{quote_text(wanted)} is not one of your addresses")


def _emails(work: UnitOfWork, request: ApiRequest) -> list[EmailAddress]:
    shape = Shapes(request.base_url).email
    return [
        shape(each.address, is_primary=each.is_primary, is_confirmed=each.validated)
        for each in workspaces.own_emails(work)
    ]
