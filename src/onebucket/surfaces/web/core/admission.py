"""Whether somebody may use a page now: signed in, with a second factor where one is due, confirmed, not too often."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import TooManyRequests
from onebucket.surfaces.web.core import csrf, reauthentication
from onebucket.surfaces.web.core.page_request import Page, PageRequest


class Diverted(Exception):
    """Whoever asks gets something else than the page: what `instead` makes."""

    def __init__(self, instead: Callable[[Page, PageRequest], Awaitable[Response]]) -> None:
        super().__init__()
        self.instead = instead


class Admission:
    """Admits one request to a page, in the transaction that says who asks. Raises Diverted, TooOften.

    That transaction may start again in a thread, so it counts the request once.
    """

    def __init__(self, page: Page, request: PageRequest) -> None:
        self._page = page
        self._request = request
        self._is_form = request.request.method == "POST"
        self._is_counted = False

    def __call__(self, work: UnitOfWork) -> None:
        page, person = self._page, work.actor.account
        if person is None:
            self.admit_nobody()
            return
        acts = (page.is_private or self._is_form) and not page.is_set_up
        if acts and self._request.site.wants_factors and sessions.lacks_second_factor(work):
            raise Diverted(_to_second_factors)
        if (page.is_costly or self._is_form) and not self._is_counted:
            self._count(person)
        is_guarded = (page.is_guarded and self._is_form) or (page.is_guarded_by_factor and person.has_second_factor)
        if is_guarded and (self._is_form or page.is_of_site) and not sessions.is_confirmed(work):
            raise Diverted(reauthentication.reauthenticate if self._is_form else reauthentication.ask_before_showing)

    def admit_nobody(self) -> None:
        """Admit somebody who hasn't signed in. Raises Diverted."""
        if self._page.is_private:
            raise Diverted(reauthentication.reauthenticate if self._is_form else _to_sign_in)

    def _count(self, person: Account) -> None:
        """Count the request towards the person's hourly limit. Raises TooOften."""
        self._is_counted = True
        try:
            self._request.backend.count(person.id)
        except TooManyRequests as refusal:
            raise csrf.TooOften(refusal.retry_after) from None


async def _to_sign_in(page: Page, request: PageRequest) -> Response:
    return request.redirect(f"/sign-in?{urlencode({'next': request.path})}")


async def _to_second_factors(page: Page, request: PageRequest) -> Response:
    return request.redirect("/me/security")
