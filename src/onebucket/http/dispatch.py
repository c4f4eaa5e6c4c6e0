"""Handles one authenticated request in one transaction: permissions, format, body, then the route's handler."""

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
    """Runs the checks of a request in the order of the contract, then its handler (contract/api-1.0.md#1.9)."""

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
        self, tx: Transaction, request: Request, verified: VerifiedCredential, match: RouteMatch
    ) -> Response:
        """Authorize the request and handle it, in one transaction. Raises whatever refuses it."""
        return self.handle(tx, request, self.authorize(tx, request, verified), match)

    def authorize(self, tx: Transaction, request: Request, verified: VerifiedCredential) -> Actor:
        """Read the actor of a verified credential, and charge the call. Raises Unauthenticated, TooManyRequests."""
        actor = request.actor = self._authentication.actor(tx, verified, request.at)
        self.charge(request, actor)
        return actor

    def handle(self, tx: Transaction, request: Request, actor: Actor, match: RouteMatch) -> Response:
        """Run the checks that follow authentication in the order of contract/api-1.0.md#1.9, then the route's handler.

        Raises what the first check that fails raises.
        """
        if request.is_malformed:
            raise Invalid("the address is not valid UTF-8, or it holds control characters")
        route = request.route
        if route is None:
            return self._without_route(request, match)
        if actor.scopes is not None and route.scope not in accounts.effective_scopes(actor.scopes):
            raise InsufficientScope(required=[route.scope], granted=actor.scopes)

        query = request_body.query(request.query)
        response_format = self._responses.negotiate(request, query)
        if request.has_bad_revision_header:
            raise Invalid("X-Onebucket-Revision must be at-least= and the position that a change was answered with")
        if request.is_too_large:
            raise BodyTooLarge

        work = UnitOfWork(actor, tx, request.at, request.id, self._new_id, request.address, self._site_limits)
        api_request = ApiRequest(
            match.path_parameters,
            # An empty parameter counts as absent: scripts send one when they have no value.
            {name: filled for name, values in query.items() if (filled := [value for value in values if value])},
            request.body,
            request.content_type,
            self._options.base_url,
            self._new_secret,
            request.varied_headers,
            self._options.amsterdam_time_format,
            self._options.emails_in_paths,
            self._options.users_address,
        )
        response = self._responses.success(request, route.handler(work, api_request), response_format, tx.spend)
        hint = request_body.hint(request.body, request.content_type) if route.fields else ""
        return response.with_header(HINT, hint.encode()) if hint else response

    def _without_route(self, request: Request, match: RouteMatch) -> Response:
        if match.removed is not None and not (match.methods and request.method == "OPTIONS"):
            raise Gone(match.removed.detail)
        if not match.methods:
            raise NotFound("there is nothing at this address; /openapi.json lists what there is")

        allow = ", ".join(sorted({*match.methods, "OPTIONS"} | ({"HEAD"} if "GET" in match.methods else set())))
        if request.method != "OPTIONS":
            raise MethodNotAllowed(allow)
        return self._responses.no_content(request, (b"allow", allow.encode()))

    def charge(self, request: Request, actor: Actor) -> None:
        """Count the call against the actor's hourly limit; a request counts once. Raises TooManyRequests.

        Anonymous requests and routes without a rate limit are not counted.
        """
        if (
            self._rate_limiter is None
            or actor.id is None
            or (request.route is not None and not request.route.is_rate_limited)
        ):
            return
        # An interrupted transaction runs again, but it is still one call. `calls_left` is set to 0 first, so that a
        # refused call says that none are left.
        if request.is_counted:
            return
        request.calls_left = 0
        request.calls_left = self._rate_limiter.take(actor.id)
        request.is_counted = True
