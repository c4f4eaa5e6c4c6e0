"""One request for a page: the person who has signed in, the form, and the response."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from onebucket import hashing
from onebucket.actions import account_overview, sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, AccountName
from onebucket.domain.journal_entry import Entry
from onebucket.domain.refusals import Invalid, NotFound, Refusal
from onebucket.surfaces.web.core import csrf, form_body, toasts
from onebucket.surfaces.web.core.backend import Browser, PageBackend, SiteInfo, VerifiedPassword, named_in_address
from onebucket.surfaces.web.core.cookies import Cookies
from onebucket.surfaces.web.core.page_responses import HEADERS, retry_after, sentence
from onebucket.surfaces.web.core.sent_form import SentForm
from onebucket.surfaces.web.core.toasts import Toast

if TYPE_CHECKING:
    from jinja2 import Environment

_Result = TypeVar("_Result")

# Lifetime of the CSRF cookie of a browser without a session.
_FORM_SECONDS = 2 * 60 * 60
# Lifetime of the cookie of a browser whose password was right, and who still has to enter a code.
_PASSWORD_SECONDS = 10 * 60


class FormErrors(Invalid):
    """A form with invalid fields, with a sentence for each."""

    def __init__(self, **fields: str) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = fields


class PersonUnknown(Exception):
    """A page asked for the person before it read anything."""


class PageRequest(SentForm):
    """One request for a page.

    `errors` are sentences to show, by field (`""`: the whole form). `notice` is shown at the top of the page,
    `toast` above it, `accounts` in the menu that leads from account to account. The first read says who has signed in,
    too, and calls `admit`, which raises if they may not go on. `entries` are what the last change has left in journals.
    """

    def __init__(self, request: Request, backend: PageBackend, site: SiteInfo, templates: "Environment") -> None:
        super().__init__()
        self.request = request
        self.backend = backend
        self.site = site
        self.errors: dict[str, str] = {}
        self.notice = ""
        self.toast: Toast | None = None
        self.entries: list[Entry] = []
        self.cookies = Cookies(request.cookies, is_secure=site.base_url.startswith("https://"))
        self.browser = Browser(
            secret=self.cookies.get("session"),
            request_id=backend.request_id(request.scope),
            address=request.client.host if request.client else None,
            agent="".join(value for value in request.headers.get("user-agent", "")[:200] if value.isprintable()),
            names=named_in_address(request.scope["path"], request.path_params, request.query_params),
        )
        self.is_recognized = not self.browser.secret
        self.admit: Callable[[UnitOfWork], None] = lambda work: None
        self.accounts: tuple[AccountName, ...] = ()
        self._person: Account | None = None
        self._templates = templates
        self._form_secret = self.cookies.get("form")

    async def recognize(self) -> None:
        """Load the person who has signed in, if anyone has, without reading anything else."""
        self.is_recognized = not self.browser.secret
        if not self.is_recognized:
            await self.read(lambda work: None)

    @property
    def person(self) -> Account | None:
        """The person who has signed in, or None. Raises PersonUnknown."""
        if not self.is_recognized:
            raise PersonUnknown
        return self._person

    @property
    def me(self) -> Account:
        """The person who has signed in. Raises NotFound if nobody has."""
        if self.person is None:
            raise NotFound("nobody has signed in")
        return self.person

    @property
    def path(self) -> str:
        """The path, percent-encoded, without the query."""
        return quote(self.request.scope["path"].encode(errors="replace"), safe="/{}@:+!~")

    def path_parameter(self, name: str) -> str:
        """Return a decoded path parameter."""
        return str(self.request.path_params[name])

    def segment(self, name: str) -> str:
        """Return a path parameter, percent-encoded for use in a link."""
        return quote(self.path_parameter(name).encode(errors="replace"), safe="")

    @property
    def link_hash(self) -> str:
        """The hash under which the link's secret is stored."""
        return hashing.secret_hash(self.path_parameter("secret"))

    def query(self, name: str) -> str:
        """Return a query parameter, empty if it is missing."""
        return self.request.query_params.get(name, "")

    def same_page(self, changed: Mapping[str, object]) -> str:
        """Return this page's address with some query parameters changed; empty ones are left out."""
        parameters = dict(self.request.query_params) | {name: str(value) for name, value in changed.items()}
        parameters.pop(toasts.PARAMETER, None)
        return f"{self.path}?{urlencode({name: each for name, each in parameters.items() if each})}".removesuffix("?")

    async def read_form(self) -> None:
        """Read the form. Raises Invalid, PrivateKeySent, and CrossSiteForm if another site sent it."""
        csrf.check_source(self.request.headers, self.site.base_url)
        self._fields = await form_body.read(self.request)

    def check_form(self) -> None:
        """Check the form's CSRF token. Raises BadCsrfToken."""
        csrf.check_token(self.line("form_token"), hashing.form_token(self._form_secret) if self._form_secret else None)

    # -- actions

    def read(self, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run an action that changes nothing, as the person who has signed in."""

        def recognize_first(work: UnitOfWork) -> _Result:
            self._person, self.is_recognized = work.actor.account, True
            if self._person:
                self._form_secret, self.accounts = self.browser.secret, account_overview.own_accounts(work)
            self.admit(work)
            if self._person and self.request.method == "GET":
                self.toast = toasts.load(work, self.query(toasts.PARAMETER))
            return action(work)

        return self.backend.read(self.browser, action if self.is_recognized else recognize_first)

    def write(self, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run an action that may change something, as the person who has signed in."""

        def act(work: UnitOfWork) -> _Result:
            result = action(work)
            self.entries = work.entries or self.entries
            return result

        return self.backend.write(self.browser, act)

    async def start_session(self, proved: VerifiedPassword, *, code: str = "") -> None:
        """Sign this browser in, with a new session secret. Raises as `PageBackend.start_session` does."""
        self.keep_session(await self.backend.start_session(self.browser, proved, code=code))

    def keep_session(self, secret: str) -> None:
        """Let the browser have the secret of a session that was started for it."""
        self.browser = replace(self.browser, secret=secret)
        self.cookies.keep("session", secret, int(sessions.SESSION_LIFETIME.total_seconds()))
        self.cookies.delete("form")
        if self.cookies.get("password"):
            self.cookies.delete("password")

    def keep_password(self, proved: VerifiedPassword) -> None:
        """Let the browser keep for some minutes that the password was right, until it has a code."""
        self.cookies.keep("password", self.backend.seal_password(proved), _PASSWORD_SECONDS)

    async def kept_password(self) -> VerifiedPassword:
        """Return the password that `keep_password` kept. Raises Unauthenticated."""
        return await self.backend.unseal_password(self.browser, self.cookies.get("password") or "")

    async def end_session(self) -> None:
        """End this browser's session and delete its cookie."""
        if self.person:
            # The action of this request may have ended the session already.
            with suppress(Refusal):
                await self.write(sessions.end_own)
        self.cookies.delete("session")

    def run_after_response(self, action: Callable[[UnitOfWork], object]) -> BackgroundTask:
        """Run an action after the response is sent, so that its duration reveals nothing about the outcome."""

        async def run() -> None:
            try:
                await self.backend.change_unseen(self.browser, action)
            except Refusal:
                pass
            except Exception as error:
                self.backend.log_unexpected(self.browser, error)

        return BackgroundTask(run)

    # -- the response

    @property
    def form_token(self) -> str:
        """The CSRF token for a form on this page; sets a cookie for it if nobody has signed in."""
        if self.person is None:
            secret = self._form_secret = self._form_secret or self.backend.new_secret()
            self.cookies.keep_if_new("form", secret, _FORM_SECONDS)
        return hashing.form_token(self._form_secret or "")

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Render a template as a response."""
        html = self._templates.get_template(template).render(context | {"request": self, "site": self.site})
        return Response(html, status_code=status, media_type="text/html", headers=HEADERS)

    def refused(self, error: Exception, template: str, **context: Any) -> Response:
        """Render an error page with the error's status, its sentence and what to do next."""
        status = self.backend.status(error) or 500
        response = self.page(template, status=status, status_code=status, sentence=sentence(error), **context)
        return retry_after(response, error)

    def redirect(self, path: str) -> Response:
        """Redirect to another page of this server (303)."""
        return RedirectResponse(path, status_code=303, headers=HEADERS)

    def sign_in_here(self) -> Response:
        """Show the sign-in form in place of a page whose path holds a secret, and return to it afterwards."""
        return self.page("sign_in/sign_in.html", next=self.path, login="", notice="Sign in to continue.")

    def finish(self, response: Response, *, is_private: bool) -> Response:
        """Add the headers of every page: cookies, `Cache-Control` and `X-Request-Id`."""
        response.headers["Cache-Control"] = "no-store" if is_private or self.person else "private, no-cache"
        response.headers["X-Request-Id"] = self.browser.request_id
        self.cookies.set_on(response)
        return response


Handler = Callable[[PageRequest], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, the handler that shows it and the handler of its forms.

    `is_private`: only for people who have signed in. `is_costly`: viewing it counts towards the person's hourly
    limit, as sending a form does, because it reads much more than it shows. `link`: the path ends in the secret of a
    link of this kind. `is_guarded`: the form could hand the account to someone else, so the password is asked for
    again unless it was given just now; `is_guarded_by_factor`: that is so for people with a second factor,
    and they are asked before they see it, too, if it `is_of_site`.
    `is_set_up`: people who must set up a second factor first may use it before.
    `is_personal`: `show` asks who has signed in only in or after its first read, as that of a private page may.
    """

    path: str
    show: Handler
    send: Handler | None = None
    is_private: bool = False
    is_guarded: bool = False
    is_guarded_by_factor: bool = False
    is_of_site: bool = False
    is_set_up: bool = False
    link: str = ""
    is_costly: bool = False
    is_personal: bool = False

    @property
    def methods(self) -> list[str]:
        """The HTTP methods it accepts."""
        return ["GET", "POST"] if self.send else ["GET"]
