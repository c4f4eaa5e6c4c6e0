"""Handles one authenticated request in one transaction: permissions, format, body, then the route's handler."""

from collections.abc import Mapping, Sequence

from onebucket.actions import suggestions
from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import Forbidden, Gone, Invalid, NotFound
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.errors import HINT, BodyTooLarge, MethodNotAllowed
from onebucket.http.request import Request
from onebucket.http.response import Response, ResponseBuilder
from onebucket.http.services import Services
from onebucket.store import prefetch
from onebucket.store.engine.transaction import Transaction
from onebucket.store.prefetch import Names
from onebucket.surfaces.core.router import RouteMatch
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.wire import request_body

_NOT_A_DIRECTORY = "only a directory's key is accepted at this address"
_A_DIRECTORY = "a directory's key is accepted at its own addresses only"


class Dispatcher:
    """Runs the checks of a request in the order of the contract, then its handler (contract/api-1.0.md#1.9)."""

    def __init__(self, services: Services, responses: ResponseBuilder) -> None:
        self._services = services
        self._options = services.options
        self._responses = responses

    def authorize_and_handle(
        self, tx: Transaction, request: Request, verified: VerifiedCredential, match: RouteMatch
    ) -> Response:
        """Authorize the request and handle it, in one transaction. Raises whatever refuses it."""
        return self.handle(tx, request, self.authorize(tx, request, verified, match), match)

    def authorize(self, tx: Transaction, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Actor:
        """Read the actor of a verified credential, and charge the call. Raises Unauthenticated, TooManyRequests."""
        # With the credential, read what the handler will ask for: one query instead of several.
        if not request.is_malformed:
            prefetch.load(tx, verified.account_id, _names(request, match), verified.credential)
        actor = request.state.actor = self._services.authentication.actor(tx, verified, request.at)
        self.charge(request, actor)
        return actor

    def handle(self, tx: Transaction, request: Request, actor: Actor, match: RouteMatch) -> Response:
        """Run the checks that follow authentication in the order of contract/api-1.0.md#1.9, then the route's handler.

        Raises what the first check that fails raises.
        """
        if match.surface.for_directories != (actor.directory is not None):
            raise Forbidden(_NOT_A_DIRECTORY if match.surface.for_directories else _A_DIRECTORY)
        if request.is_malformed:
            raise Invalid("the address is not valid UTF-8, or contains control characters")
        route = request.state.route
        if route is None:
            return self._without_route(request, match)
        if route.scope_rule is not None:
            route.scope_rule.check(actor.scopes)

        query = request.state.parameters()
        response_format = self._responses.negotiate(request, match.surface, query)
        if request.wanted.is_malformed:
            raise Invalid("X-Onebucket-Revision must be at-least= and the position from the response to a change")
        if request.state.is_too_large:
            raise BodyTooLarge

        work = self._services.unit_of_work(tx, actor, at=request.at, request_id=request.id, address=request.address)
        api_request = self._api_request(request, match, query)
        try:
            result = route.handler(work, api_request)
        except NotFound as refusal:
            if match.surface.suggests_names and refusal.sought is not None:
                refusal.suggestion = suggestions.near(work, refusal.sought)
            raise
        if match.surface.present is not None:
            result = match.surface.present(api_request, result)
        response = self._responses.success(request, route, result, response_format, tx.spend)
        hint = request_body.hint(request.state.body, request.content_type) if route.fields else ""
        return response.with_header(HINT, hint.encode()) if hint else response

    def _api_request(self, request: Request, match: RouteMatch, query: Mapping[str, Sequence[str]]) -> ApiRequest:
        return ApiRequest(
            path=request.raw_path,
            path_parameters=match.path_parameters,
            # An empty parameter counts as absent: scripts send one when they have no value.
            query={name: filled for name, values in query.items() if (filled := [value for value in values if value])},
            body=request.state.body,
            content_type=request.content_type,
            base_url=self._options.base_url,
            new_secret=self._services.new_secret,
            webhook_secret=self._services.webhook_secret,
            headers=request.varied_headers,
            times=self._options.amsterdam_times,
            emails_in_paths=self._options.email_in_path == "accept",
            users_address=self._options.users_address,
            cross_workspace_lists=self._options.cross_workspace_lists,
            clone_urls=self._options.clone_url,
        )

    def _without_route(self, request: Request, match: RouteMatch) -> Response:
        if match.removed is not None and not (match.methods and request.method == "OPTIONS"):
            raise Gone(match.removed.detail)
        if not match.methods:
            raise NotFound("there is nothing at this address; /openapi.json lists all addresses")

        allow = ", ".join(sorted({*match.methods, "OPTIONS"} | ({"HEAD"} if "GET" in match.methods else set())))
        if request.method != "OPTIONS":
            raise MethodNotAllowed(allow)
        return self._responses.no_content(request, (b"allow", allow.encode()))

    def charge(self, request: Request, actor: Actor) -> None:
        """Count the call against the actor's hourly limit; a request counts once. Raises TooManyRequests."""
        rate_limiter, charged_id = self._services.rate_limiter, self.charged_id(request, actor)
        # What was interrupted, or took too long in the event loop, runs again in another transaction; it is still one
        # call.
        if rate_limiter is None or charged_id is None or request.state.is_counted:
            return
        # `calls_left` is set to 0 first, so that a refused call says that none are left.
        request.state.calls_left = 0
        request.state.calls_left = rate_limiter.take(charged_id)
        request.state.is_counted = True

    def charged_id(self, request: Request, actor: Actor) -> str | None:
        """Return the account whose hourly limit a request counts against; None where there is no limit.

        There is none for anonymous requests and for some routes.
        """
        is_limited = request.state.route is None or request.state.route.is_rate_limited
        return actor.id if self._services.rate_limiter is not None and is_limited else None


# The variable parts of paths that name a person; a route of access checks names them in the query.
_PERSON_PARAMETERS = ("member", "user", "selected_user_id")


def _names(request: Request, match: RouteMatch) -> Names:
    """Return what the address names."""
    parameters, route = match.path_parameters, request.state.route
    person = next((parameters[name] for name in _PERSON_PARAMETERS if name in parameters), None)
    if person is None and b"user=" in request.state.query and route is not None and route.names_user:
        users = request.state.parameters().get("user")
        person = users[-1] if users else None
    account = match.account_name
    if account is None:
        return Names(person=person or None)
    return Names(account, parameters.get("group_slug"), parameters.get("repo_slug"), person or None)
