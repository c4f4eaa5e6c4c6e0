"""The OAuth 2 endpoints, and the OAuth 1 endpoints that consumers call directly (not the consent pages)."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from onebucket import hashing
from onebucket.actions import oauth
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY
from onebucket.domain.refusals import Invalid, LinkExpired, TooManyRequests, Unauthenticated
from onebucket.domain.scopes import SCOPES
from onebucket.http import request as requests
from onebucket.http.auth import credential_source
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.auth.oauth1_signature import SignatureVerifier, SignedRequest, VerifiedSignature
from onebucket.http.execution import read_runner
from onebucket.http.oauth import responses
from onebucket.http.services import Services
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.store.engine.transaction import Transaction
from onebucket.surfaces.v1.routes import BASES
from onebucket.wire import body_reader, request_body
from onebucket.wire.body_reader import BodyTooLong
from onebucket.wire.request_body import UnreadableBody

MAX_FORM_BYTES = 1 << 16


class OAuthEndpoints:
    """OAuth 2's `/site/oauth2/access_token`, `revoke` and `introspect` and its metadata, and OAuth 1's token endpoints.

    Calls count against the rate limit of the consumer and of the person that a token is issued for. `signatures`
    verifies OAuth 1 signatures.
    """

    def __init__(self, services: Services, signatures: SignatureVerifier) -> None:
        self._services = services
        self._options = services.options
        self._signatures = signatures
        self._log = structlog.get_logger("onebucket.http").bind()

    def routes(self) -> list[BaseRoute]:
        """The routes of all endpoints."""
        post_endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/site/oauth2/access_token": self._oauth2("token"),
            "/site/oauth2/revoke": self._oauth2("revocation"),
            "/site/oauth2/introspect": self._oauth2("introspection"),
        }
        for base in BASES:
            post_endpoints[f"{base}/oauth/request_token"] = self._oauth1(self._request_token)
            post_endpoints[f"{base}/oauth/access_token"] = self._oauth1(self._access_token)
        metadata = Route("/.well-known/oauth-authorization-server", self.metadata, methods=["GET"])
        return [metadata, *(Route(path, endpoint, methods=["POST"]) for path, endpoint in post_endpoints.items())]

    async def metadata(self, request: Request) -> Response:
        """Return the authorization server metadata (RFC 8414)."""
        base_url = self._options.base_url
        client_auth_methods = ["client_secret_basic", "client_secret_post"]
        grant_types = ["authorization_code", "client_credentials", "refresh_token"]
        document = {
            "issuer": base_url,
            "authorization_endpoint": f"{base_url}/site/oauth2/authorize",
            "token_endpoint": f"{base_url}/site/oauth2/access_token",
            "token_endpoint_auth_methods_supported": [*client_auth_methods, "none"],
            "revocation_endpoint": f"{base_url}/site/oauth2/revoke",
            "revocation_endpoint_auth_methods_supported": [*client_auth_methods, "none"],
            "introspection_endpoint": f"{base_url}/site/oauth2/introspect",
            "introspection_endpoint_auth_methods_supported": client_auth_methods,
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": [*grant_types, *(["password"] if self._options.oauth_password_grant else [])],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": f"{base_url}/docs",
        }
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(msgspec.json.encode(document), media_type=responses.JSON, headers=headers)

    # -- OAuth 2

    def _oauth2(self, endpoint: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            # Authlib takes longer to import than the rest of the server; load it when OAuth is first used.
            from onebucket.http.oauth.authorization_server import OAuthServer, TokenRequest

            try:
                form = await _form(request)
                person_id = await self._password_owner(form, _address(request)) if endpoint == "token" else None
            except Invalid as refusal:
                return responses.oauth2_error(400, "invalid_request", refusal.sentence)
            except (TooManyRequests, DatabaseUnavailable) as error:
                return responses.json_error_response(error)
            token_request = TokenRequest(request.headers.get("authorization"), form, person_id)
            count = self._counter()

            def handle(work: UnitOfWork) -> Any:
                server = OAuthServer(
                    work,
                    token_request,
                    key=self._services.secret_key,
                    password_grant=self._options.oauth_password_grant,
                    count=count,
                )
                return server.handle(endpoint)

            def respond(result: Any) -> Response:
                if result.body.get("error") == "invalid_client":
                    self._services.authentication.count_wrong_secret(_address(request))
                return responses.json_response(result.status, result.body, dict(result.headers))

            return await self._run_write(request, handle, respond, on_error=responses.json_error_response)

        return answer

    def _counter(self) -> Callable[[str], None]:
        """Return a function that counts one request, once for each id even if its transaction is retried."""
        counted: set[str] = set()

        def count(id: str) -> None:
            if self._services.rate_limiter is not None and id not in counted:
                self._services.rate_limiter.take(id)
                counted.add(id)

        return count

    async def _password_owner(self, form: dict[str, str], address: str | None) -> str | None:
        """The account id for a form's username and password (password grant only). Raises TooManyRequests."""
        if not self._options.oauth_password_grant or form.get("grant_type") != "password":
            return None
        try:
            name, password = form.get("username", ""), form.get("password", "")
            verified = await self._services.authentication.verify_password(name, password, address)
            await read_runner.read(self._services.database, lambda: self._check_holder(verified))
        except Unauthenticated:
            return None
        return verified.account_id

    def _check_holder(self, verified: VerifiedCredential) -> None:
        """Refuse the password of a person who has a second factor, as everywhere. Raises Unauthenticated."""
        with self._services.database.reading() as tx:
            self._services.authentication.actor(tx, verified, self._services.clock())

    # -- OAuth 1

    def _oauth1(
        self, action: Callable[[UnitOfWork, VerifiedSignature], dict[str, str]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers = requests.headers(request.scope)
            try:
                body = await _body(request)
                form = body if credential_source.is_form_body(headers) else b""
                verified = await self._signatures.verify(SignedRequest("POST", request.scope, headers, form))
            except Invalid as refusal:
                return responses.text_response(400, refusal.sentence)
            except Unauthenticated:
                return responses.not_signed()
            except DatabaseUnavailable as error:
                return responses.error_response(error)
            count = self._counter()

            def change(work: UnitOfWork) -> dict[str, str]:
                count(verified.consumer.id)
                return action(work, verified)

            return await self._run_write(
                request,
                change,
                lambda parameters: Response(
                    urlencode(parameters), media_type=request_body.FORM, headers=responses.HEADERS
                ),
            )

        return answer

    def _request_token(self, work: UnitOfWork, verified: VerifiedSignature) -> dict[str, str]:
        """Issue a request token, with which the consumer sends the user to `oauth/authenticate`."""
        if verified.token:
            raise Unauthenticated
        token = self._services.new_secret()
        hash = hashing.secret_hash(token)
        oauth.request(work, verified.consumer, callback=verified.parameters.get("oauth_callback", ""), token_hash=hash)
        return self._with_secret(token) | {"oauth_callback_confirmed": "true"}

    def _access_token(self, work: UnitOfWork, verified: VerifiedSignature) -> dict[str, str]:
        """Exchange an authorized request token for the token that API requests are signed with."""
        token = self._services.new_secret()
        try:
            oauth.exchange(
                work,
                verified.consumer,
                token_hash=hashing.secret_hash(verified.token),
                verifier_hash=hashing.secret_hash(verified.parameters.get("oauth_verifier", "")),
                new_hash=hashing.secret_hash(token),
            )
        except (LinkExpired, Invalid):
            raise Unauthenticated from None
        return self._with_secret(token)

    def _with_secret(self, token: str) -> dict[str, str]:
        return {
            "oauth_token": token,
            "oauth_token_secret": hashing.derived_secret(self._services.secret_key, "token", token),
        }

    # -- both

    async def _run_write(
        self,
        request: Request,
        action: Callable[[UnitOfWork], Any],
        respond: Callable[[Any], Response],
        *,
        on_error: Callable[[Exception], Response] | None = None,
    ) -> Response:
        """Run an action without an actor (`NOBODY`) in its own write transaction, and log the request."""
        id = requests.request_id(requests.headers(request.scope))
        address = _address(request)

        def change(tx: Transaction) -> Any:
            at = self._services.clock()
            return action(self._services.unit_of_work(tx, NOBODY, at=at, request_id=id, address=address))

        try:
            response = respond(await self._services.write_queue.submit(change))
        except Unauthenticated:
            response = responses.not_signed()
        except Exception as error:
            response = (on_error or responses.error_response)(error)
        response.headers["X-Request-Id"] = id
        fields = {"request_id": id, "method": "POST", "path": request.url.path, "status": response.status_code}
        self._log.log(logging.INFO, "request", **fields, address=address)
        return response


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


async def _form(request: Request) -> dict[str, str]:
    """Read the fields of a form; empty ones count as absent (RFC 6749, 3.2). Raises Invalid."""
    if not credential_source.is_form_body(requests.headers(request.scope)):
        raise Invalid(f"the body must be a form, {request_body.FORM}")
    body = await _body(request)
    try:
        pairs = [pair for pair in request_body.parse_pairs(body, "the form", strict=True) if pair[1]]
    except UnreadableBody as error:
        raise Invalid(str(error)) from None
    if len(dict(pairs)) < len(pairs):
        raise Invalid("a field is repeated")
    return dict(pairs)


async def _body(request: Request) -> bytes:
    try:
        return await body_reader.read_limited(request.receive, limit=MAX_FORM_BYTES)
    except BodyTooLong:
        raise Invalid("the form is too long") from None
