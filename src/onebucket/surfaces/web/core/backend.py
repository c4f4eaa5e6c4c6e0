"""What the pages are handed by whoever serves them: transactions, passwords, secrets, and what the house is like."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from onebucket.actions.unit_of_work import UnitOfWork

_Result = TypeVar("_Result")

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that asks: `secret` is what it got when somebody signed in with it, `agent` what it says it is."""

    secret: str | None
    request_id: str
    address: str | None
    agent: str


class Asked(Enum):
    """What people whom nobody has to know may ask for, so many times an hour."""

    SIGN_UP = "sign-ups"
    CONFIRMATION = "confirmation letters"
    RESET = "letters for forgotten passwords"


class VerifiedPassword(NamedTuple):
    """A password that was right: whose, under which name, and its hash, which must still be his when it counts."""

    account_id: str
    login: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the pages say of this server; `letters` is the folder that `/demo/letters` shows, None but for the demo.

    `openapi` gives the API's description; `settings` are those in force: name, value and where it came from, secrets
    left out.
    """

    base_url: str
    sign_up: str
    openapi: Callable[[], Mapping[str, Any]]
    demo_letters: Path | None = None
    settings: Sequence[tuple[str, str, str]] = ()


class PageBackend(Protocol):
    """The server behind the pages. Whoever has signed in is the actor of what it runs, otherwise nobody is."""

    def read(self, caller: Browser, action: Callable[[UnitOfWork], _Result], /) -> Awaitable[_Result]:
        """Run an action that changes nothing."""

    def write(self, caller: Browser, action: Callable[[UnitOfWork], _Result], /) -> Awaitable[_Result]:
        """Run an action that may change something."""

    def change_unseen(self, caller: Browser, action: Callable[[UnitOfWork], object], /) -> Awaitable[None]:
        """Run an action of which nobody is to learn what it changed: it writes something in any case."""

    def write_as_operator(self, caller: Browser, action: Callable[[UnitOfWork], _Result], /) -> Awaitable[_Result]:
        """Run an action as the operator: for whoever holds the link that makes the first administrator."""

    async def verify_password(self, caller: Browser, login: str, password: str) -> VerifiedPassword:
        """Check a person's own password. Raises Unauthenticated, TooManyRequests."""

    async def start_session(self, caller: Browser, proved: VerifiedPassword) -> str:
        """Begin a session; the secret that its browser is to keep. Raises Unauthenticated for a disabled person."""

    def password_hash(self, caller: Browser, password: str, /) -> Awaitable[str]:
        """Hash a new password. Raises TooManyRequests."""

    def new_secret(self) -> str:
        """A random secret."""

    def consumer_secret(self, key: str) -> str:
        """The secret of the OAuth consumer with that key."""

    def count(self, person_id: str) -> None:
        """Count something that a person does on pages, apart from their calls. Raises TooManyRequests."""

    def count_from_network(self, caller: Browser, asked: Asked) -> None:
        """Count what is asked for from the caller's network, be it by whomever. Raises TooManyRequests."""

    def request_id(self, scope: Scope) -> str:
        """What names a request in the journal, the log and the answer."""

    def status(self, error: Exception) -> int | None:
        """The status of a page that tells of an error; None for one that nobody foresaw."""

    def record_refusal(self, caller: Browser, method: str, path: str, status: int, actor: str | None) -> None:
        """Log a request; `path` is the page's, so that no secret of a link is in it."""

    def log_unexpected(self, caller: Browser, trouble: Exception) -> None:
        """Log an error that nobody waits to be told of."""
