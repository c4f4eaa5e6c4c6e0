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
from onebucket.http import errors
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.execution import read_runner
from onebucket.http.execution.write_queue import in_any_case
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.http.request import headers, request_id
from onebucket.http.services import Services
from onebucket.store.engine.transaction import Transaction
from onebucket.surfaces.web.core import backend
from onebucket.surfaces.web.core.backend import Asked, Browser, Scope, VerifiedPassword

_Result = TypeVar("_Result")


class PageBackend(backend.PageBackend):
    """Implements the pages' backend on one database. Each transaction reads the session again and checks it."""

    def __init__(self, services: Services, failure_audit: FailureAudit, anonymous_limits: AnonymousLimits) -> None:
        self._services = services
        self._database = services.database
        self._write_queue = services.write_queue
        self._authentication = services.authentication
        self._failure_audit = failure_audit
        self._anonymous_limits = anonymous_limits
        self._log = structlog.get_logger("onebucket.http").bind()

    def read(self, caller: Browser, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        def run() -> _Result:
            with self._database.reading() as tx:
                return action(self._work(tx, caller, self._actor(tx, caller)))

        return read_runner.read(self._database, run)

    def write(self, caller: Browser, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        return self._write_queue.submit(lambda tx: action(self._work(tx, caller, self._actor(tx, caller))))

    def change_unseen(self, caller: Browser, action: Callable[[UnitOfWork], object]) -> Awaitable[None]:
        return self._write_queue.submit(
            lambda tx: in_any_case(tx, lambda tx: action(self._work(tx, caller, self._actor(tx, caller))))
        )

    def write_as_operator(self, caller: Browser, action: Callable[[UnitOfWork], _Result]) -> Awaitable[_Result]:
        return self._write_queue.submit(lambda tx: action(self._work(tx, caller, OPERATOR)))

    async def verify_password(self, caller: Browser, login: str, password: str) -> VerifiedPassword:
        try:
            verified = await self._authentication.verify_password(login, password, caller.address)
        except Unauthenticated:
            # Recorded in the background, so that the response time doesn't tell whether the person exists.
            at = self._services.clock()
            self._write_queue.submit_in_background(
                lambda tx: self._failure_audit.record_refused_password(self._work(tx, caller, NOBODY, at), login)
            )
            raise
        return VerifiedPassword(verified.account_id, login, verified.password_hash or "")

    async def start_session(self, caller: Browser, proved: VerifiedPassword) -> str:
        secret = self._services.new_secret()
        verified = VerifiedCredential(proved.account_id, proved.login, None, proved.password_hash, bearer=False)
        replaced_hash = hashing.secret_hash(caller.secret) if caller.secret else None

        def begin(tx: Transaction) -> None:
            work = self._work(tx, caller, self._authentication.actor(tx, verified, self._services.clock()))
            sessions.start(work, secret_hash=hashing.secret_hash(secret), agent=caller.agent, instead_of=replaced_hash)

        await self._write_queue.submit(begin)
        return secret

    def password_hash(self, caller: Browser, password: str) -> Awaitable[str]:
        return self._authentication.password_hash(password, caller.address)

    def new_secret(self) -> str:
        return self._services.new_secret()

    def consumer_secret(self, key: str) -> str:
        return hashing.derived_secret(self._services.secret_key, "consumer", key)

    def count(self, person_id: str) -> None:
        if self._services.rate_limiter is not None:
            self._services.rate_limiter.take(f"pages of {person_id}")

    def count_from_network(self, caller: Browser, asked: Asked) -> None:
        self._anonymous_limits.take(asked, caller.address)

    def request_id(self, scope: Scope) -> str:
        return request_id(headers(scope))

    def status(self, error: Exception) -> int | None:
        return errors.status_of(error)

    def record_request(self, caller: Browser, method: str, path: str, status: int, actor: str | None) -> None:
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
        self._log.error("unforeseen", request_id=caller.request_id, exc_info=error)

    def _actor(self, tx: Transaction, caller: Browser) -> Actor:
        if not caller.secret:
            return NOBODY
        return sessions.actor(tx, secret_hash=hashing.secret_hash(caller.secret), at=self._services.clock())

    def _work(self, tx: Transaction, caller: Browser, actor: Actor, at: datetime | None = None) -> UnitOfWork:
        return self._services.unit_of_work(
            tx, actor, at=at or self._services.clock(), request_id=caller.request_id, address=caller.address
        )
