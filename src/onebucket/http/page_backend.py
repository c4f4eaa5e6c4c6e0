"""The backend of the web pages: transactions as the signed-in actor, sessions, passwords, secrets and the log."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog

from onebucket import hashing, passkeys
from onebucket.actions import second_factor_checks, sessions
from onebucket.actions.second_factor_checks import CheckedCode
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, OPERATOR, Actor
from onebucket.domain.refusals import Refusal, Unauthenticated
from onebucket.domain.second_factors import SignInMethod
from onebucket.http import errors
from onebucket.http.auth import sealed_password
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.auth.provider_flow import ProviderFlow
from onebucket.http.execution import read_runner
from onebucket.http.execution.write_queue import in_any_case
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.http.request import headers, request_id
from onebucket.http.services import Services
from onebucket.passkeys import Challenge, RelyingParty
from onebucket.store import prefetch
from onebucket.store.engine.transaction import Transaction
from onebucket.store.prefetch import Names
from onebucket.surfaces.web.core import backend
from onebucket.surfaces.web.core.backend import Asked, Browser, Scope, SecondFactorNeeded, ToSignIn, VerifiedPassword

_Result = TypeVar("_Result")


class PageBackend(backend.PageBackend):
    """Implements the pages' backend on one database. Each transaction reads the session again and checks it."""

    def __init__(
        self,
        services: Services,
        failure_audit: FailureAudit,
        anonymous_limits: AnonymousLimits,
        providers: ProviderFlow,
    ) -> None:
        self._providers = providers
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

    async def start_session(self, caller: Browser, proved: VerifiedPassword, *, code: str = "") -> str:
        secret = self._services.new_secret()
        verified = _verified(proved)

        def begin(tx: Transaction) -> Refusal | None:
            work = self._work(tx, caller, self._authentication.actor_of_password(tx, verified, self._services.clock()))
            assert work.actor.account is not None
            checked = CheckedCode(SignInMethod.PASSWORD)
            if work.actor.account.has_second_factor:
                if not code:
                    raise SecondFactorNeeded
                checked = second_factor_checks.check_code(work, code, secret_of=self.totp_secret)
            if checked.proof is not None:
                self._start_session(work, caller, secret, checked.proof)
            return checked.refusal

        refusal = await self._write_queue.submit(begin)
        if refusal is not None:
            raise refusal
        return secret

    def _start_session(self, work: UnitOfWork, caller: Browser, secret: str, proof: SignInMethod) -> None:
        sessions.start(
            work,
            secret_hash=hashing.secret_hash(secret),
            agent=caller.agent,
            signed_in_with=proof,
            instead_of=hashing.secret_hash(caller.secret) if caller.secret else None,
        )

    async def start_session_with(self, caller: Browser, to_sign_in: ToSignIn) -> str:
        secret = self._services.new_secret()

        def begin(tx: Transaction) -> Refusal | None:
            work = self._work(tx, caller, self._actor(tx, caller))
            signed_in = to_sign_in(work)
            if isinstance(signed_in, Refusal):
                return signed_in
            with work.on_behalf(signed_in.actor):
                sessions.start(
                    work,
                    secret_hash=hashing.secret_hash(secret),
                    agent=caller.agent,
                    signed_in_with=signed_in.method,
                    instead_of=hashing.secret_hash(caller.secret) if caller.secret else None,
                    provider=signed_in.provider,
                    provider_session=signed_in.provider_session,
                )
            return None

        if (refusal := await self._write_queue.submit(begin)) is not None:
            raise refusal
        return secret

    @property
    def providers(self) -> ProviderFlow:
        return self._providers

    def seal_password(self, proved: VerifiedPassword) -> str:
        return sealed_password.seal(self._services.secret_key, _verified(proved), at=self._services.clock())

    async def unseal_password(self, caller: Browser, sealed: str) -> VerifiedPassword:
        key, at = self._services.secret_key, self._services.clock()
        verified = await self.read(caller, lambda work: sealed_password.unseal(work.tx, key, sealed, at=at))
        return VerifiedPassword(verified.account_id, verified.login or "", verified.password_hash or "")

    async def start_session_with_passkey(
        self,
        caller: Browser,
        answer: str,
        *,
        purpose: str,
        proved: VerifiedPassword | None = None,
        account_id: str | None = None,
    ) -> str:
        secret, site = self._services.new_secret(), RelyingParty.of(self._services.options.base_url)
        if site is None:
            raise Unauthenticated
        challenge = self.check_challenge(answer, purpose)
        # In a thread of its own: no other change has to wait for the import.
        await asyncio.to_thread(passkeys.load)

        def begin(tx: Transaction) -> None:
            work = self._work(tx, caller, NOBODY)
            holder_id = (
                self._authentication.actor_of_password(tx, _verified(proved), work.at).id if proved else account_id
            )
            work.actor = second_factor_checks.use_passkey(
                work, answer, challenge, site=site, holder_id=holder_id, is_alone=proved is None
            )
            method = SignInMethod.PASSWORD_AND_PASSKEY if proved else SignInMethod.PASSKEY
            self._start_session(work, caller, secret, method)

        await self._write_queue.submit(begin)
        return secret

    async def passkeys_of(self, caller: Browser, proved: VerifiedPassword) -> list[str]:
        return await self.read(caller, lambda work: second_factor_checks.passkey_ids(work.tx, proved.account_id))

    def challenge(self, purpose: str) -> bytes:
        expiry = int(self._services.clock().timestamp()) + passkeys.CHALLENGE_SECONDS
        nonce = hashlib.sha256(self._services.new_secret().encode()).digest()[:16]
        return hashing.challenge(self._services.secret_key, purpose, expiry=expiry, nonce=nonce)

    def check_challenge(self, answer: str, purpose: str) -> Challenge:
        return passkeys.challenge_of(answer, self._services.secret_key, purpose, at=self._services.clock())

    def totp_secret(self, account_id: str, factor_id: str) -> str:
        return hashing.totp_secret(self._services.secret_key, account_id, factor_id)

    def password_hash(self, caller: Browser, password: str) -> Awaitable[str]:
        return self._authentication.password_hash(password, caller.address)

    def new_secret(self) -> str:
        return self._services.new_secret()

    def consumer_secret(self, key: str) -> str:
        return hashing.derived_secret(self._services.secret_key, "consumer", key)

    def webhook_secret(self, secret_id: str) -> str:
        return self._services.webhook_secret(secret_id)

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
        secret_hash = hashing.secret_hash(caller.secret)
        prefetch.load_session(tx, secret_hash, Names(**caller.names))
        return sessions.actor(tx, secret_hash=secret_hash, at=self._services.clock())

    def _work(self, tx: Transaction, caller: Browser, actor: Actor, at: datetime | None = None) -> UnitOfWork:
        return self._services.unit_of_work(
            tx, actor, at=at or self._services.clock(), request_id=caller.request_id, address=caller.address
        )


def _verified(proved: VerifiedPassword) -> VerifiedCredential:
    return VerifiedCredential(proved.account_id, proved.login, None, proved.password_hash, bearer=False)
