"""The OAuth 2 endpoints, and the OAuth 1 endpoints that consumers call directly (not the consent pages)."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from onebucket import hashing
from onebucket.actions import oauth
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, SCOPES
from onebucket.domain.refusals import Invalid, LinkExpired, TooManyRequests, Unauthenticated
from onebucket.domain.site_limits import SiteLimits
from onebucket.http import request as requests
from onebucket.http.auth import credential_source
from onebucket.http.auth.authentication import Authentication
from onebucket.http.auth.oauth1_signature import SignatureVerifier, SignedRequest, VerifiedSignature
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.oauth import responses
from onebucket.http.response import ServerOptions
from onebucket.store.engine.database import Database, DatabaseUnavailable, Transaction
from onebucket.surfaces.v1.routes import BASES

MAX_FORM_BYTES = 1 << 16

_FORM = "application/x-www-form-urlencoded"


class OAuthEndpoints:
    """OAuth 2's `/site/oauth2/access_token`, `revoke` and `introspect` and its metadata, and OAuth 1's token endpoints.

    Calls count against `limits` of the consumer and of the person that a token is issued for. Consumers' secrets are
    derived from `key`; `signatures` verifies OAuth 1 signatures. Only with `password_grant` may a consumer get tokens
    with a person's username and password.
    """

    def __init__(
        self,
        *,
        database: Database,
        writer: WriteQueue,
        authentication: Authentication,
        ways: ServerOptions,
        terms: SiteLimits,
        key: bytes,
        password_grant: bool,
        limits: RateLimiter | None,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._write_queue = writer
        self._authentication = authentication
        self.signatures = SignatureVerifier(
            database=database, writer=writer, key=key, base_url=ways.base_url, clock=clock
        )
        self._options = ways
        self._site_limits = terms
        self._key = key
        self._password_grant = password_grant
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
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
            "grant_types_supported": [*grant_types, *(["password"] if self._password_grant else [])],
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
                    work, token_request, key=self._key, password_grant=self._password_grant, count=count
                )
                return server.handle(endpoint)

            def respond(result: Any) -> Response:
                if result.body.get("error") == "invalid_client":
                    self._authentication.count_wrong_secret(_address(request))
                return responses.json_response(result.status, result.body, dict(result.headers))

            return await self._run_write(request, handle, respond, on_error=responses.json_error_response)

        return answer

    def _counter(self) -> Callable[[str], None]:
        """Return a function that counts one request, once for each id even if its transaction is retried."""
        counted: set[str] = set()

        def count(id: str) -> None:
            if self._limits is not None and id not in counted:
                self._limits.take(id)
                counted.add(id)

        return count

    async def _password_owner(self, form: dict[str, str], address: str | None) -> str | None:
        """The account id for a form's username and password (password grant only). Raises TooManyRequests."""
        if not self._password_grant or form.get("grant_type") != "password":
            return None
        try:
            name, password = form.get("username", ""), form.get("password", "")
            verified = await self._authentication.verify_password(name, password, address)
        except Unauthenticated:
            return None
        return verified.account_id

    # -- OAuth 1

    def _oauth1(
        self, action: Callable[[UnitOfWork, VerifiedSignature], dict[str, str]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers = requests.headers(request.scope)
            try:
                body = await _body(request)
                form = body if credential_source.is_form_body(headers) else b""
                verified = await self.signatures.verify(SignedRequest("POST", request.scope, headers, form))
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
                lambda parameters: Response(urlencode(parameters), media_type=_FORM, headers=responses.HEADERS),
            )

        return answer

    def _request_token(self, work: UnitOfWork, verified: VerifiedSignature) -> dict[str, str]:
        """Issue a request token, with which the consumer sends the user to `oauth/authenticate`."""
        if verified.token:
            raise Unauthenticated
        token = hashing.new_secret()
        hash = hashing.secret_hash(token)
        oauth.request(work, verified.consumer, callback=verified.parameters.get("oauth_callback", ""), token_hash=hash)
        return self._with_secret(token) | {"oauth_callback_confirmed": "true"}

    def _access_token(self, work: UnitOfWork, verified: VerifiedSignature) -> dict[str, str]:
        """Exchange an authorized request token for the token that API requests are signed with."""
        token = hashing.new_secret()
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
        return {"oauth_token": token, "oauth_token_secret": hashing.derived_secret(self._key, "token", token)}

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
            return action(UnitOfWork(NOBODY, tx, self._clock(), id, self._new_id, address, self._site_limits))

        try:
            response = respond(await self._write_queue.submit(change))
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
        raise Invalid("the body must be a form, application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl((await _body(request)).decode("ascii"), errors="strict")
    except ValueError:
        raise Invalid("the body is not a form") from None
    if len(dict(pairs)) < len(pairs):
        raise Invalid("a field is there more than once")
    return dict(pairs)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Invalid("the form is too long")
    return body
