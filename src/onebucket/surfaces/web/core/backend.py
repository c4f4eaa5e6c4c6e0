"""The interface between pages and the server: transactions, passwords, secrets, rate limits and site information."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Unauthenticated
from onebucket.passkeys import Challenge, RelyingParty

_Result = TypeVar("_Result")

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Browser:
    """The client of a page request.

    `secret` is its session secret (None without a session), `agent` its `User-Agent`.
    """

    secret: str | None
    request_id: str
    address: str | None
    agent: str


class Asked(Enum):
    """What visitors may ask for without signing in; each has a limit per hour and network."""

    SIGN_UP = "sign-ups"
    CONFIRMATION = "confirmation e-mails"
    RESET = "password reset e-mails"


class VerifiedPassword(NamedTuple):
    """A correct password: its account, the login used, and its hash.

    The hash must still be the account's when the session starts.
    """

    account_id: str
    login: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the pages show about this server.

    `openapi` returns the API's OpenAPI document. `demo_letters` is the folder that `/demo/letters` shows, None
    outside the demo. `settings` are the settings in force (name, value, source), without secrets.
    `rate_limit` is calls an hour for each user, 0 for any number. `wants_factors`: some must have a second factor.
    """

    base_url: str
    sign_up: str
    openapi: Callable[[], Mapping[str, Any]]
    demo_letters: Path | None = None
    settings: Sequence[tuple[str, str, str]] = ()
    rate_limit: int = 0
    wants_factors: bool = False

    @property
    def relying_party(self) -> RelyingParty | None:
        """The site that passkeys are for; None where browsers offer none."""
        return RelyingParty.of(self.base_url)

    @property
    def host(self) -> str:
        """The host of `base_url`, without a port."""
        return urlsplit(self.base_url).hostname or "localhost"


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
