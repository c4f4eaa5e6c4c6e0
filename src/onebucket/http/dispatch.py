"""Handling: what one request comes to in one transaction, when it is known which credential it brings."""

from collections.abc import Callable

from onebucket import hashing
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import Gone, InsufficientScope, Invalid, NotFound
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.auth.authentication import Authentication, VerifiedCredential
from onebucket.http.errors import HINT, BodyTooLarge, MethodNotAllowed
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.request import Request
from onebucket.http.response import Response, ResponseBuilder, ServerOptions
from onebucket.store.engine.database import Transaction
from onebucket.surfaces.routing import ApiRequest, RouteMatch
from onebucket.wire import request_body


class Dispatcher:
    """Handles requests one by one, in the order of refusals (contract/api-1.0.md#1.9)."""

    def __init__(
        self,
        *,
        authentication: Authentication,
        answers: ResponseBuilder,
        ways: ServerOptions,
        terms: SiteLimits,
        limits: RateLimiter | None,
        new_id: Callable[[], str],
    ) -> None:
        self._authentication = authentication
        self._responses = answers
        self._options = ways
        self._site_limits = terms
        self._rate_limiter = limits
        self._new_id = new_id
        self._new_secret = hashing.new_secret

    def authorize_and_handle(
        self, tx: Transaction, request: Request, proof: VerifiedCredential, found: RouteMatch
    ) -> Response:
        """Let somebody in, and answer him. Raises whatever refuses it."""
        return self.handle(tx, request, self.authorize(tx, request, proof), found)

    def authorize(self, tx: Transaction, request: Request, proof: VerifiedCredential) -> Actor:
        """Who it is that asks, now; his call is counted. Raises Unauthenticated, TooManyRequests."""
        actor = request.actor = self._authentication.actor(tx, proof, request.at)
        self.charge(request, actor)
        return actor

    def handle(self, tx: Transaction, request: Request, actor: Actor, found: RouteMatch) -> Response:
        """Everything in the order of refusals: after 401 the address, the format, the body, the rules (contract/api-1.0.md#1.9)."""
        if request.is_malformed:
            raise Invalid("the address is not valid UTF-8, or it holds control characters")
        route = request.route
        if route is None:
            return self._without_route(request, found)
        if actor.scopes is not None and route.scope not in accounts.effective_scopes(actor.scopes):
            raise InsufficientScope(required=[route.scope], granted=actor.scopes)

        query = request_body.query(request.query)
        manner = self._responses.negotiate(request, query)
        if request.has_bad_revision_header:
            raise Invalid("X-Onebucket-Revision must be at-least= and the position that a change was answered with")
        if request.is_too_large:
            raise BodyTooLarge

        work = UnitOfWork(actor, tx, request.at, request.id, self._new_id, request.address, self._site_limits)
        ask = ApiRequest(
            found.path_parameters,
            # A script that has nothing to say for a parameter sends it empty.
            {name: kept for name, values in query.items() if (kept := [value for value in values if value])},
            request.body,
            request.content_type,
            self._options.base_url,
            self._new_secret,
            request.varied_headers,
            self._options.amsterdam_time_format,
            self._options.emails_in_paths,
            self._options.users_address,
        )
        answer = self._responses.success(request, route.handler(work, ask), manner, tx.spend)
        hint = request_body.hint(request.body, request.content_type) if route.fields else ""
        return answer.with_header(HINT, hint.encode()) if hint else answer

    def _without_route(self, request: Request, found: RouteMatch) -> Response:
        if found.removed is not None and not (found.methods and request.method == "OPTIONS"):
            raise Gone(found.removed.detail)
        if not found.methods:
            raise NotFound("there is nothing at this address; /openapi.json lists what there is")

        allow = ", ".join(sorted({*found.methods, "OPTIONS"} | ({"HEAD"} if "GET" in found.methods else set())))
        if request.method != "OPTIONS":
            raise MethodNotAllowed(allow)
        return self._responses.no_content(request, (b"allow", allow.encode()))

    def charge(self, request: Request, actor: Actor) -> None:
        """Count a call of somebody's. Raises TooManyRequests."""
        if (
            self._rate_limiter is None
            or actor.id is None
            or (request.route is not None and not request.route.is_rate_limited)
        ):
            return
        # What was interrupted is done once more; it is one call nevertheless, and one that was refused stays so.
        if request.is_counted:
            return
        request.calls_left = 0
        request.calls_left = self._rate_limiter.take(actor.id)
        request.is_counted = True
