"""Handling: what one request comes to in one transaction, when it is known which credential it brings."""

from collections.abc import Callable

from onebucket import hashing
from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import Gone, Invalid, LacksScope, NotFound
from onebucket.domain.terms import Terms
from onebucket.http.answers import Answer, Answers, Ways
from onebucket.http.authn import Authentication, Proof
from onebucket.http.errors import HINT, MethodNotAllowed, TooLarge
from onebucket.http.limits import Limits
from onebucket.http.requests import Request
from onebucket.store.database import Transaction
from onebucket.surfaces.routing import Ask, Found
from onebucket.wire import bodies


class Handling:
    """Handles requests one by one, in the order of refusals (spec 1.9)."""

    def __init__(
        self,
        *,
        authentication: Authentication,
        answers: Answers,
        ways: Ways,
        terms: Terms,
        limits: Limits | None,
        new_id: Callable[[], str],
    ) -> None:
        self._authentication = authentication
        self._answers = answers
        self._ways = ways
        self._terms = terms
        self._limits = limits
        self._new_id = new_id
        self._new_secret = hashing.new_secret

    def perform(self, tx: Transaction, request: Request, proof: Proof, found: Found) -> Answer:
        """Let somebody in, and answer him. Raises whatever refuses it."""
        return self.answer(tx, request, self.let_in(tx, request, proof), found)

    def let_in(self, tx: Transaction, request: Request, proof: Proof) -> Actor:
        """Who it is that asks, now; his call is counted. Raises Unauthenticated, Overloaded."""
        actor = request.actor = self._authentication.actor(tx, proof, request.at)
        self.count(request, actor)
        return actor

    def answer(self, tx: Transaction, request: Request, actor: Actor, found: Found) -> Answer:
        """Everything in the order of refusals: after 401 the address, the format, the body, the rules (spec 1.9)."""
        if request.is_malformed:
            raise Invalid("the address is not valid UTF-8, or it holds control characters")
        route = request.route
        if route is None:
            return self._without_route(request, found)
        if actor.scopes is not None and route.scope not in domain.reach(actor.scopes):
            raise LacksScope(required=[route.scope], granted=actor.scopes)

        query = bodies.query(request.query)
        manner = self._answers.manner(request, query)
        if request.is_unclear:
            raise Invalid("X-Onebucket-Revision must be at-least= and the position that a change was answered with")
        if request.is_too_large:
            raise TooLarge

        work = Work(actor, tx, request.at, request.id, self._new_id, request.address, self._terms)
        ask = Ask(
            found.words,
            # A script that has nothing to say for a parameter sends it empty.
            {name: kept for name, values in query.items() if (kept := [value for value in values if value])},
            request.body,
            request.content_type,
            self._ways.base_url,
            self._new_secret,
            request.heeded,
            self._ways.amsterdam_times,
            self._ways.emails_in_paths,
            self._ways.users_address,
        )
        answer = self._answers.entity(request, route.handler(work, ask), manner, tx.spend)
        hint = bodies.hint(request.body, request.content_type) if route.takes else ""
        return answer.named(HINT, hint.encode()) if hint else answer

    def _without_route(self, request: Request, found: Found) -> Answer:
        if found.removed is not None and not (found.methods and request.method == "OPTIONS"):
            raise Gone(found.removed.detail)
        if not found.methods:
            raise NotFound("there is nothing at this address; /openapi.json lists what there is")

        allow = ", ".join(sorted({*found.methods, "OPTIONS"} | ({"HEAD"} if "GET" in found.methods else set())))
        if request.method != "OPTIONS":
            raise MethodNotAllowed(allow)
        return self._answers.empty(request, (b"allow", allow.encode()))

    def count(self, request: Request, actor: Actor) -> None:
        """Count a call of somebody's. Raises Overloaded."""
        if self._limits is None or actor.id is None or (request.route is not None and not request.route.counts):
            return
        # What was interrupted is done once more; it is one call nevertheless, and one that was refused stays so.
        if request.is_counted:
            return
        request.calls_left = 0
        request.calls_left = self._limits.take(actor.id)
        request.is_counted = True
