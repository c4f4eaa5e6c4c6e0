"""One request for a page: who has signed in, what the form holds, and the answer that is made of it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from onebucket import hashing
from onebucket.actions import sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Invalid, NoSuchGroup, NotFound, Refusal, TooManyRequests
from onebucket.surfaces.web.core import csrf
from onebucket.surfaces.web.core.backend import Browser, PageBackend, SiteInfo, VerifiedPassword
from onebucket.wire import request_body
from onebucket.wire.request_body import BodyFields, UnreadableBody

if TYPE_CHECKING:
    from jinja2 import Environment

_Result = TypeVar("_Result")

MAX_FORM_BYTES = 1 << 16

# How long a form may be open that somebody has who hasn't signed in.
_FORM_SECONDS = 2 * 60 * 60

# Nothing from anywhere else, no frame, no script but our own files; said again by every page.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class FormErrors(Invalid):
    """A form that can't be meant so: a sentence for each field that is to blame."""

    def __init__(self, **fields: str) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = fields


class PageRequest:
    """One request for a page; `person` is whoever has signed in, `errors` the sentences to show, by field.

    `notice` is what the page is to say first.
    """

    def __init__(self, request: Request, desk: PageBackend, house: SiteInfo, templates: "Environment") -> None:
        self.request = request
        self.backend = desk
        self.site = house
        self.errors: dict[str, str] = {}
        self.notice = ""
        self.is_secure = house.base_url.startswith("https://")
        self.browser = Browser(
            secret=request.cookies.get(self._name("session")) or None,
            request_id=desk.request_id(request.scope),
            address=request.client.host if request.client else None,
            agent="".join(each for each in request.headers.get("user-agent", "")[:200] if each.isprintable()),
        )
        self.person: Account | None = None
        self._templates = templates
        self._fields = BodyFields({})
        self._form_secret = request.cookies.get(self._name("form"))
        self._cookies: dict[str, tuple[str, int]] = {}

    async def recognize(self) -> None:
        """Find out who has signed in."""
        if self.browser.secret:
            self.person = await self.read(lambda work: work.actor.account)
        if self.person:
            self._form_secret = self.browser.secret

    @property
    def me(self) -> Account:
        """Whoever has signed in. Raises NotFound when nobody has."""
        if self.person is None:
            raise NotFound("nobody has signed in")
        return self.person

    # -- what was asked

    @property
    def path(self) -> str:
        """The address, less its query."""
        return quote(self.request.scope["path"].encode(errors="replace"), safe="/{}@:+!~")

    def path_parameter(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def segment(self, name: str) -> str:
        """A part of the address as it is written in one."""
        return quote(self.path_parameter(name).encode(errors="replace"), safe="")

    @property
    def link_hash(self) -> str:
        """What is kept of the secret at the end of the address."""
        return hashing.secret_hash(self.path_parameter("secret"))

    def query(self, name: str) -> str:
        """A word of the query, empty when it isn't there."""
        return self.request.query_params.get(name, "")

    def same_page(self, changed: Mapping[str, object]) -> str:
        """This page's address with some words of the query changed; empty ones are left out."""
        asked = dict(self.request.query_params) | {name: str(value) for name, value in changed.items()}
        return f"{self.path}?{urlencode({name: value for name, value in asked.items() if value})}"

    def text(self, name: str) -> str:
        """What the form holds in a field, empty when it isn't there. Raises Invalid."""
        try:
            return self._fields.text(name) or ""
        except UnreadableBody as error:
            raise Invalid(str(error)) from None

    def texts(self, name: str) -> list[str]:
        """Everything that the form holds under a name, as boxes and lists do. Raises Invalid."""
        given = self._fields.values.get(name, ())
        if not all(isinstance(each, str) for each in given):
            raise Invalid(f"{name} must be texts")
        return [str(each) for each in given]

    @property
    def typed(self) -> Iterator[tuple[str, str]]:
        """Every text of the form with its name, in order."""
        return ((name, each) for name in self._fields.values for each in self.texts(name))

    def is_checked(self, name: str, otherwise: bool = False, value: str = "on") -> bool:
        """Whether a box is ticked: as the form has it or, where none was sent, as it is."""
        return value in self.texts(name) if self._fields.values else otherwise

    def line(self, name: str) -> str:
        """What the form holds in a field, blanks around it trimmed. Raises Invalid."""
        return self.text(name).strip()

    def kept_fields(self, name: str, otherwise: str = "") -> str:
        """What was typed into a field of a form that is shown again, or what stands in it before."""
        return self.text(name) if self._fields.has(name) and len(self._fields.values[name]) == 1 else otherwise

    def has(self, name: str) -> bool:
        """Whether the form has a field of that name."""
        return self._fields.has(name)

    async def read_form(self) -> None:
        """Read the form, and refuse one that another site has sent. Raises Invalid, CrossSiteForm."""
        csrf.check_source(self.request.headers, self.site.base_url)
        body = b""
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                raise Invalid("the form is too long")
        try:
            self._fields = request_body.fields(body, self.request.headers.get("content-type"))
        except UnreadableBody as error:
            raise Invalid(str(error)) from None

    def check_form(self) -> None:
        """Refuse a form that wasn't made for this browser. Raises BadCsrfToken."""
        csrf.check_token(self.line("form_token"), hashing.form_token(self._form_secret) if self._form_secret else None)

    # -- what is done

    def read(self, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run an action that changes nothing, as whoever has signed in."""
        return self.backend.read(self.browser, action)

    def write(self, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run an action that may change something, as whoever has signed in."""
        return self.backend.write(self.browser, action)

    def count(self) -> None:
        """Count what is done for whoever has signed in. Raises TooOften."""
        if self.person is None:
            return
        try:
            self.backend.count(self.person.id)
        except TooManyRequests as refusal:
            raise csrf.TooOften(refusal.retry_after) from None

    async def start_session(self, proved: VerifiedPassword) -> None:
        """Let this browser be signed in from now on, with a new secret. Raises Unauthenticated."""
        secret = await self.backend.start_session(self.browser, proved)
        self.browser = replace(self.browser, secret=secret)
        self._cookies[self._name("session")] = secret, int(sessions.SESSION_LIFETIME.total_seconds())
        self._cookies[self._name("form")] = "", 0

    async def end_session(self) -> None:
        """Sign out."""
        if self.person:
            # What was done just now may have ended it already.
            with suppress(Refusal):
                await self.write(sessions.end_own)
        self._cookies[self._name("session")] = "", 0

    def run_after_response(self, action: Callable[[UnitOfWork], object]) -> BackgroundTask:
        """Run an action when the answer has gone, so that neither its time nor others' tells what came of it."""

        async def run() -> None:
            try:
                await self.backend.change_unseen(self.browser, action)
            except Refusal:
                pass
            except Exception as error:
                self.backend.log_unexpected(self.browser, error)

        return BackgroundTask(run)

    # -- the answer

    @property
    def form_token(self) -> str:
        """What a form carries that is made for this browser; one that hasn't signed in gets a cookie for it."""
        if self.person is None:
            secret = self._form_secret = self._form_secret or self.backend.new_secret()
            self._cookies.setdefault(self._name("form"), (secret, _FORM_SECONDS))
        return hashing.form_token(self._form_secret or "")

    def page(self, template: str, *, status: int = 200, **words: Any) -> Response:
        """A page."""
        html = self._templates.get_template(template).render(words | {"visit": self, "house": self.site})
        return Response(html, status_code=status, media_type="text/html", headers=HEADERS)

    def refused(self, error: Exception, template: str, **words: Any) -> Response:
        """A page that says no, and what to do next."""
        status = self.backend.status(error) or 500
        answer = self.page(template, status=status, status_code=status, sentence=sentence(error), **words)
        return retry_after(answer, error)

    def redirect(self, path: str) -> Response:
        """On to another page of ours."""
        return RedirectResponse(path, status_code=303, headers=HEADERS)

    def sign_in_here(self) -> Response:
        """The sign-in form in the place of a page, to which it leads back: its address holds a secret."""
        return self.page("signing/in.html", next=self.path, login="", notice="Sign in to go on.")

    def finish(self, answer: Response, *, is_private: bool) -> Response:
        """What every answer has: its cookies, and whether it may be kept."""
        answer.headers["Cache-Control"] = "no-store" if is_private or self.person else "private, no-cache"
        answer.headers["X-Request-Id"] = self.browser.request_id
        for name, (value, seconds) in self._cookies.items():
            answer.set_cookie(name, value, seconds, path="/", secure=self.is_secure, httponly=True, samesite="lax")
        return answer

    def _name(self, kind: str) -> str:
        return f"{'__Host-' if self.is_secure else ''}onebucket_{kind}"


def sentence(error: Exception) -> str:
    """What a page says of an error: a sentence, lower case, without a full stop."""
    if isinstance(error, NoSuchGroup):
        return "the account has no such group: it may have been deleted, or renamed"
    return error.sentence if isinstance(error, Refusal) else str(error)


def retry_after(answer: Response, error: Exception) -> Response:
    """An answer that says when to ask again, where the error knows."""
    seconds = getattr(error, "retry_after", None)
    if seconds is not None:
        answer.headers["Retry-After"] = str(seconds)
    return answer


Handler = Callable[[PageRequest], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page's address; what shows it, and what its forms do.

    `is_private`: only for people who have signed in. `is_costly`: it is worked out anew each time, from more than
    it shows, so it counts for whoever looks at it, as forms do that are sent. `link`: its address ends with a secret,
    of a link of that kind. `is_guarded`: what its form does could hand the account to somebody else, so that the
    password is asked for again, unless it was given just now.
    """

    path: str
    show: Handler
    send: Handler | None = None
    is_private: bool = False
    is_guarded: bool = False
    link: str = ""
    is_costly: bool = False

    @property
    def methods(self) -> list[str]:
        """What it answers."""
        return ["GET", "POST"] if self.send else ["GET"]
