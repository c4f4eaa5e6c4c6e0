"""The interface between pages and the server: transactions, passwords, secrets, rate limits and site information."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from onebucket.actions.mirror_overview import KnownMirrors
from onebucket.actions.sessions import SignIn
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Refusal, Unauthenticated
from onebucket.domain.sign_in_providers import ProvenIdentity
from onebucket.passkeys import Challenge, RelyingParty

_Result = TypeVar("_Result")

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Browser:
    """The client of a page request.

    `secret` is its session secret (None without a session), `agent` its `User-Agent`. `names` is what the address
    names (`account`, `group`, `repository`, `person`), so that it is read together with the session.
    """

    secret: str | None
    request_id: str
    address: str | None
    agent: str
    names: Mapping[str, str] = field(default_factory=dict)


def named_in_address(path: str, parameters: Mapping[str, str], query: Mapping[str, str]) -> dict[str, str]:
    """Return what the address of a page names, by the parameters of its route and query: see `Browser.names`."""
    names = {"person": parameters.get("person") or parameters.get("member") or query.get("person")}
    _, first, *others = path.split("/")
    if first == "accounts":
        kind = {"groups": "group", "repositories": "repository"}.get(others[1] if len(others) > 1 else "")
        # Never a group and a repository: no statement reads both with a session.
        named = {kind: parameters.get("slug")} if kind else {"repository": query.get("repository")}
        names |= {"account": parameters.get("name"), **named}
    return {kind: name for kind, name in names.items() if name}


class Asked(Enum):
    """What visitors may ask for without signing in; each has a limit per hour and network."""

    SIGN_UP = "sign-ups"
    CONFIRMATION = "confirmation e-mails"
    PROVIDER = "sign-ins with a provider"
    PROVIDER_RESPONSE = "responses of a provider"
    RESET = "password reset e-mails"


class VerifiedPassword(NamedTuple):
    """A correct password: its account, the login used, and its hash.

    The hash must still be the account's when the session starts.
    """

    account_id: str
    login: str
    password_hash: str


# An action that says who is to be signed in, in the transaction in which the session begins.
ToSignIn = Callable[[UnitOfWork], SignIn | Refusal]


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the pages show about this server.

    `mirrors` are those of `onebucket.toml`.
    `openapi` returns the API's OpenAPI document. `demo_letters` is the folder that `/demo/letters` shows, None
    outside the demo. `settings` are the settings in force (name, value, source), without secrets.
    `rate_limit` is calls an hour for each user, 0 for any number. `wants_factors`: some must have a second factor.
    `providers` are the names and labels of those to sign in with, `group_providers` the names of those that keep
    groups. `passwords` says who may sign in with one.
    """

    base_url: str
    sign_up: str
    mirrors: KnownMirrors = field(default=KnownMirrors(()), kw_only=True)
    openapi: Callable[[], Mapping[str, Any]]
    demo_letters: Path | None = None
    settings: Sequence[tuple[str, str, str]] = ()
    rate_limit: int = 0
    wants_factors: bool = False
    providers: Mapping[str, str] = field(default_factory=dict)
    group_providers: Sequence[str] = ()
    passwords: str = "on"

    def takes_password(self, person: Account | None) -> bool:
        """Whether a page may ask for a password: that person's or, before anybody has signed in, anybody's."""
        is_admin = person is None or person.site_admin
        return self.passwords == "on" or (self.passwords == "site-admins" and is_admin)

    @property
    def relying_party(self) -> RelyingParty | None:
        """The site that passkeys are for; None where browsers offer none."""
        return RelyingParty.of(self.base_url)

    @property
    def host(self) -> str:
        """The host of `base_url`, without a port."""
        return urlsplit(self.base_url).hostname or "localhost"


class LogoutNotice(NamedTuple):
    """A provider's word that a person (`subject`), one session, or both have ended there at a time."""

    provider: str
    issuer: str
    subject: str | None
    session: str | None
    at: datetime


class CameBack(NamedTuple):
    """Who came back from a provider, and the page to go on to. `is_again`: they were to prove who they are again."""

    identity: ProvenIdentity
    next_path: str
    is_again: bool


class ProviderFlow(Protocol):
    """Sign-in with a provider. Methods raise NotFound for an unknown one, SignInRefused and ProviderUnavailable."""

    async def begin(self, name: str, next_path: str, /, *, again: bool = False) -> tuple[str, str]:
        """Return where to send the browser, and what it keeps in a cookie until it comes back.

        `again`: whoever has signed in proves once more who they are, so the provider lets them log in anew.
        """

    async def finish(self, name: str, query: Mapping[str, str], sealed: str, /) -> CameBack:
        """Return who came back; `sealed` is the cookie."""

    def seal(self, identity: ProvenIdentity, /) -> str:
        """Return a proven identity as a cookie, for a person who proves their account here next."""

    def unseal(self, sealed: str, /) -> ProvenIdentity | None:
        """Return the identity in such a cookie; None if it has expired or isn't ours."""

    async def logout(self, name: str, token: str, /) -> LogoutNotice:
        """Return what a `logout_token` says."""

    def label(self, name: str, /) -> str:
        """Return what people call a provider."""


class SecondFactorNeeded(Unauthenticated):
    """The password is right, and the person has a second factor that wasn't asked for yet."""


class PageBackend(Protocol):
    """The server behind the pages.

    Actions run as the person who has signed in, or anonymously.
    """

    def read(self, caller: Browser, action: Callable[[UnitOfWork], _Result], /) -> Awaitable[_Result]:
        """Run an action that changes nothing."""

    def write(self, caller: Browser, action: Callable[[UnitOfWork], _Result], /) -> Awaitable[_Result]:
        """Run an action that may change something."""

    def change_unseen(self, caller: Browser, action: Callable[[UnitOfWork], object], /) -> Awaitable[None]:
        """Run an action with a secret outcome; it always writes, so that timing doesn't reveal the outcome."""

    def write_as_operator(self, caller: Browser, action: Callable[[UnitOfWork], _Result], /) -> Awaitable[_Result]:
        """Run an action as the operator, for the holder of the setup link."""

    async def verify_password(self, caller: Browser, login: str, password: str) -> VerifiedPassword:
        """Verify a person's own password. Raises Unauthenticated, TooManyRequests."""

    async def start_session(self, caller: Browser, proved: VerifiedPassword, *, code: str = "") -> str:
        """Start a session in place of the browser's current one, and return its secret for the cookie.

        Raises Unauthenticated if the account is disabled or the code is wrong, SecondFactorNeeded if the person has a
        second factor and there is no code, TooManyRequests while codes are stopped.
        """

    async def start_session_with(self, caller: Browser, to_sign_in: ToSignIn, /) -> str:
        """Start a session for whom an action returns, and return its secret for the cookie.

        A refusal that the action returns is raised once what it wrote is stored; one that it raises undoes that.
        """

    @property
    def providers(self) -> ProviderFlow:
        """The providers to sign in with."""

    def seal_password(self, proved: VerifiedPassword, /) -> str:
        """Sign a verified password for the browser to keep until it has a code; it contains nothing of the hash."""

    async def unseal_password(self, caller: Browser, sealed: str) -> VerifiedPassword:
        """Return a verified password that was sealed a few minutes ago, and is still the account's.

        Raises Unauthenticated.
        """

    async def start_session_with_passkey(
        self,
        caller: Browser,
        answer: str,
        *,
        purpose: str,
        proved: VerifiedPassword | None = None,
        account_id: str | None = None,
    ) -> str:
        """Start a session with what a passkey has signed, and return its secret for the cookie.

        With `proved`, the passkey is that person's second factor; otherwise it signs in alone, whoever it belongs to or
        the account with that id. Raises Unauthenticated.
        """

    async def passkeys_of(self, caller: Browser, proved: VerifiedPassword) -> list[str]:
        """Return the ids of the passkeys of somebody whose password was right."""

    def challenge(self, purpose: str, /) -> bytes:
        """Make a challenge for a passkey."""

    def check_challenge(self, answer: str, purpose: str, /) -> Challenge:
        """Return the challenge in a browser's answer, if it was made for that purpose. Raises Unauthenticated."""

    def totp_secret(self, account_id: str, factor_id: str, /) -> str:
        """Return the secret of an authenticator app, in base32."""

    def password_hash(self, caller: Browser, password: str, /) -> Awaitable[str]:
        """Hash a new password. Raises TooManyRequests."""

    def new_secret(self) -> str:
        """Return a random secret."""

    def consumer_secret(self, key: str) -> str:
        """Return the secret of the OAuth consumer with that key."""

    def webhook_secret(self, secret_id: str) -> str:
        """Return the secret of a webhook with that id."""

    def count(self, person_id: str) -> None:
        """Count one costly page or form towards the person's limit, separate from API calls.

        Raises TooManyRequests.
        """

    def count_from_network(self, caller: Browser, asked: Asked) -> None:
        """Count one request of this kind towards the limit of the caller's network. Raises TooManyRequests."""

    def request_id(self, scope: Scope) -> str:
        """Return the id that names the request in the journal, the log and the response."""

    def status(self, error: Exception) -> int | None:
        """Return the HTTP status for an error, or None if it is unexpected."""

    def record_request(self, caller: Browser, method: str, path: str, status: int, actor: str | None) -> None:
        """Log a request.

        `path` is the page's path template, so that no secret of a link gets into the log.
        """

    def log_unexpected(self, caller: Browser, error: Exception) -> None:
        """Log an error that happened after the response was sent."""
