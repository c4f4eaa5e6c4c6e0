"""What the pages are handed: transactions with whoever has signed in as the actor, passwords, secrets, the log."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog

from onebucket import hashing
from onebucket.actions import sessions
from onebucket.actions.work import Work
from onebucket.domain.accounts import NOBODY, OPERATOR, Actor
from onebucket.domain.refusals import Unauthenticated
from onebucket.domain.terms import Terms
from onebucket.http import errors, reading
from onebucket.http.attempts import Attempts
from onebucket.http.authn import Authentication, Proof
from onebucket.http.limits import Limits
from onebucket.http.requests import headers, request_id
from onebucket.http.strangers import Strangers
from onebucket.http.writer import Writer, in_any_case
from onebucket.store import sessions as rows
from onebucket.store.database import Database, Transaction
from onebucket.surfaces.web.desk import Asked, Caller, Proved, Scope

_Result = TypeVar("_Result")


class Desk:
    """Serves the pages from one database. Whose a session is, and whether it counts, is read in each transaction."""

    def __init__(
        self,
        *,
        database: Database,
        writer: Writer,
        authentication: Authentication,
        attempts: Attempts,
        limits: Limits | None,
        strangers: Strangers,
        terms: Terms,
        key: bytes,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._writer = writer
        self._authentication = authentication
        self._attempts = attempts
        self._limits = limits
        self._strangers = strangers
        self._terms = terms
        self._key = key
        self._clock = clock
        self._new_id = new_id
        self._new_secret = hashing.new_secret
        self._log = structlog.get_logger("onebucket.http").bind()

    def look(self, caller: Caller, action: Callable[[Work], _Result]) -> Awaitable[_Result]:
        """Run an action that changes nothing, as the person who has signed in or as nobody."""

        def look() -> _Result:
            with self._database.reading() as tx:
                return action(self._work(tx, caller, self._actor(tx, caller)))

        return reading.read(self._database, look)

    def change(self, caller: Caller, action: Callable[[Work], _Result]) -> Awaitable[_Result]:
        """Run an action that may change something, as the person who has signed in or as nobody."""
        return self._writer.change(lambda tx: action(self._work(tx, caller, self._actor(tx, caller))))

    def change_unseen(self, caller: Caller, action: Callable[[Work], object]) -> Awaitable[None]:
        """Run an action of which nobody is to learn what it changed: it writes something in any case."""
        return self._writer.change(
            lambda tx: in_any_case(tx, lambda tx: action(self._work(tx, caller, self._actor(tx, caller))))
        )

    def operate(self, caller: Caller, action: Callable[[Work], _Result]) -> Awaitable[_Result]:
        """Run an action as the operator: for whoever holds the link that makes the first administrator."""
        return self._writer.change(lambda tx: action(self._work(tx, caller, OPERATOR)))

    async def prove(self, caller: Caller, login: str, password: str) -> Proved:
        """Check a person's own password. Raises Unauthenticated, Overloaded."""
        try:
            proof = await self._authentication.prove_password(login, password, caller.address)
        except Unauthenticated:
            # Told without waiting for it: the time must not say whether there is such a person.
            at = self._clock()
            self._writer.post(lambda tx: self._attempts.password_refused(self._work(tx, caller, NOBODY, at), login))
            raise
        return Proved(proof.account_id, login, proof.password_hash or "")

    async def begin(self, caller: Caller, proved: Proved) -> str:
        """Begin a session; the secret that its browser is to keep. Raises Unauthenticated for a disabled person."""
        secret = self._new_secret()
        proof = Proof(proved.account_id, proved.login, None, proved.password_hash, bearer=False)
        before = hashing.secret_hash(caller.secret) if caller.secret else None

        def begin(tx: Transaction) -> None:
            work = self._work(tx, caller, self._authentication.actor(tx, proof, self._clock()))
            sessions.begin(work, secret_hash=hashing.secret_hash(secret), agent=caller.agent, instead_of=before)

        await self._writer.change(begin)
        return secret

    def password_hash(self, caller: Caller, password: str) -> Awaitable[str]:
        """Hash a new password. Raises Overloaded."""
        return self._authentication.password_hash(password, caller.address)

    def new_secret(self) -> str:
        """A random secret."""
        return self._new_secret()

    def consumer_secret(self, key: str) -> str:
        """The secret of the OAuth consumer with that key."""
        return hashing.derived_secret(self._key, "consumer", key)

    def count(self, person_id: str) -> None:
        """Count something that a person does on pages, apart from their calls. Raises Overloaded."""
        if self._limits is not None:
            self._limits.take(f"pages of {person_id}")

    def count_from_network(self, caller: Caller, asked: Asked) -> None:
        """Count what is asked for from the caller's network, be it by whomever. Raises Overloaded."""
        self._strangers.take(asked, caller.address)

    def request_id(self, scope: Scope) -> str:
        """What names a request in the journal, the log and the answer."""
        return request_id(headers(scope))

    def status(self, error: Exception) -> int | None:
        """The status of a page that tells of an error; None for one that nobody foresaw."""
        return errors.status_of(error)

    def tell(self, caller: Caller, method: str, path: str, status: int, actor: str | None) -> None:
        """Log a request; `path` is the page's, so that no secret of a link is in it."""
        told_quietly = method in ("GET", "HEAD") and status < 400
        self._log.log(
            logging.DEBUG if told_quietly else logging.INFO,
            "request",
            request_id=caller.request_id,
            method=method,
            path=path,
            status=status,
            actor=actor,
            address=caller.address,
        )

    def unforeseen(self, caller: Caller, trouble: Exception) -> None:
        """Log an error that nobody waits to be told of."""
        self._log.error("unforeseen", request_id=caller.request_id, exc_info=trouble)

    def _actor(self, tx: Transaction, caller: Caller) -> Actor:
        found = rows.by_hash(tx, hashing.secret_hash(caller.secret)) if caller.secret else None
        if found is None or found[0].expires_at <= self._clock() or not found[1].is_active:
            return NOBODY
        session, person = found
        return Actor(person, session.credential, expires_at=session.expires_at)

    def _work(self, tx: Transaction, caller: Caller, actor: Actor, at: datetime | None = None) -> Work:
        return Work(actor, tx, at or self._clock(), caller.request_id, self._new_id, caller.address, self._terms)
