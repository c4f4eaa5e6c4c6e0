"""The backend of the web pages: transactions as the signed-in actor, sessions, passwords, secrets and the log."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog

from onebucket import hashing
from onebucket.actions import sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, OPERATOR, Actor
from onebucket.domain.refusals import Unauthenticated
from onebucket.domain.site_limits import SiteLimits
from onebucket.http import errors
from onebucket.http.auth.authentication import Authentication, VerifiedCredential
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.execution import read_runner
from onebucket.http.execution.write_queue import WriteQueue, in_any_case
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.request import headers, request_id
from onebucket.store import session_rows
from onebucket.store.engine.database import Database, Transaction
from onebucket.surfaces.web.core.backend import Asked, Browser, Scope, VerifiedPassword

_Result = TypeVar("_Result")


class PageBackend:
    """Implements the pages' backend on one database. Each transaction reads the session again and checks it."""

    def __init__(
        self,
        *,
        database: Database,
        writer: WriteQueue,
        authentication: Authentication,
        attempts: FailureAudit,
        limits: RateLimiter | None,
        strangers: AnonymousLimits,
        terms: SiteLimits,
        key: bytes,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._write_queue = writer
        self._authentication = authentication
        self._failure_audit = attempts
        self._limits = limits
        self._strangers = strangers
        self._site_limits = terms
        self._key = key
        self._clock = clock
        self._new_id = new_id
        self._new_secret = hashing.new_secret
        self._log = structlog.get_logger("onebucket.http").bind()

    def read(self, caller: Browser, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run a read-only action as the signed-in person, or as nobody."""

        def run() -> _Result:
            with self._database.reading() as tx:
                return action(self._work(tx, caller, self._actor(tx, caller)))

        return read_runner.read(self._database, run)

    def write(self, caller: Browser, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run an action that may write, as the signed-in person or as nobody."""
        return self._write_queue.submit(lambda tx: action(self._work(tx, caller, self._actor(tx, caller))))

    def change_unseen(self, caller: Browser, action: Callable[[UnitOfWork], object]) -> Awaitable[None]:
        """Run an action whose timing must not tell whether it changed anything; see `in_any_case`."""
        return self._write_queue.submit(
            lambda tx: in_any_case(tx, lambda tx: action(self._work(tx, caller, self._actor(tx, caller))))
        )

    def write_as_operator(self, caller: Browser, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        """Run an action as the operator. Only for the holder of the setup link that makes the first administrator."""
        return self._write_queue.submit(lambda tx: action(self._work(tx, caller, OPERATOR)))

    async def verify_password(self, caller: Browser, login: str, password: str) -> VerifiedPassword:
        """Verify a person's password. Raises Unauthenticated, TooManyRequests."""
        try:
            verified = await self._authentication.verify_password(login, password, caller.address)
        except Unauthenticated:
            # Recorded in the background, so that the response time doesn't tell whether the person exists.
            at = self._clock()
            self._write_queue.submit_in_background(
                lambda tx: self._failure_audit.record_refused_password(self._work(tx, caller, NOBODY, at), login)
            )
            raise
        return VerifiedPassword(verified.account_id, login, verified.password_hash or "")

    async def start_session(self, caller: Browser, proved: VerifiedPassword) -> str:
        """Start a session and return the secret for its cookie. Raises Unauthenticated for a disabled person.

        It replaces the browser's current session, if there is one.
        """
        secret = self._new_secret()
        verified = VerifiedCredential(proved.account_id, proved.login, None, proved.password_hash, bearer=False)
        replaced_hash = hashing.secret_hash(caller.secret) if caller.secret else None

        def begin(tx: Transaction) -> None:
            work = self._work(tx, caller, self._authentication.actor(tx, verified, self._clock()))
            sessions.start(work, secret_hash=hashing.secret_hash(secret), agent=caller.agent, instead_of=replaced_hash)

        await self._write_queue.submit(begin)
        return secret

    def password_hash(self, caller: Browser, password: str) -> Awaitable[str]:
        """Hash a new password. Raises TooManyRequests."""
        return self._authentication.password_hash(password, caller.address)

    def new_secret(self) -> str:
        """Make a random secret."""
        return self._new_secret()

    def consumer_secret(self, key: str) -> str:
        """Derive the secret of the OAuth consumer with this key from the server's secret key."""
        return hashing.derived_secret(self._key, "consumer", key)

    def count(self, person_id: str) -> None:
        """Count an action of a person on pages, in an hourly limit separate from API calls. Raises TooManyRequests."""
        if self._limits is not None:
            self._limits.take(f"pages of {person_id}")

    def count_from_network(self, caller: Browser, asked: Asked) -> None:
        """Count an anonymous action from the caller's network. Raises TooManyRequests."""
        self._strangers.take(asked, caller.address)

    def request_id(self, scope: Scope) -> str:
        """Return the request's id, as the audit log, the log and the response show it."""
        return request_id(headers(scope))

    def status(self, error: Exception) -> int | None:
        """Look up the status of an error page; None for an unexpected error."""
        return errors.status_of(error)

    def record_refusal(self, caller: Browser, method: str, path: str, status: int, actor: str | None) -> None:
        """Log a request. `path` is the page's template, so that it holds no secret of a link."""
        is_successful_read = method in ("GET", "HEAD") and status < 400
        self._log.log(
            logging.DEBUG if is_successful_read else logging.INFO,
            "request",
            request_id=caller.request_id,
            method=method,
            path=path,
            status=status,
            actor=actor,
            address=caller.address,
        )

    def log_unexpected(self, caller: Browser, error: Exception) -> None:
        """Log an error that no response tells."""
        self._log.error("unforeseen", request_id=caller.request_id, exc_info=error)

    def _actor(self, tx: Transaction, caller: Browser) -> Actor:
        row = session_rows.by_hash(tx, hashing.secret_hash(caller.secret)) if caller.secret else None
        if row is None or row[0].expires_at <= self._clock() or not row[1].is_active:
            return NOBODY
        session, person = row
        return Actor(person, session.credential, expires_at=session.expires_at)

    def _work(self, tx: Transaction, caller: Browser, actor: Actor, at: datetime | None = None) -> UnitOfWork:
        return UnitOfWork(
            actor, tx, at or self._clock(), caller.request_id, self._new_id, caller.address, self._site_limits
        )
