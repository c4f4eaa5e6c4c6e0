"""Where OAuth consumers get their tokens: the endpoints of OAuth 2, and those of OAuth 1 that are no pages."""

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
    """`/site/oauth2/access_token`, `revoke` and `introspect`, what OAuth 1 asks for, and the metadata of OAuth 2.

    Calls count for the consumer, and for the person who is given to it, in `limits`.
    `key` is what consumers' secrets are derived from; `signatures` checks requests that were signed with them. Only
    with `password_grant` a consumer may ask for tokens with a person's own password.
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
        """Their addresses."""
        posted: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/site/oauth2/access_token": self._oauth2("token"),
            "/site/oauth2/revoke": self._oauth2("revocation"),
            "/site/oauth2/introspect": self._oauth2("introspection"),
        }
        for base in BASES:
            posted[f"{base}/oauth/request_token"] = self._oauth1(self._request_token)
            posted[f"{base}/oauth/access_token"] = self._oauth1(self._access_token)
        told = Route("/.well-known/oauth-authorization-server", self.metadata, methods=["GET"])
        return [told, *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posted.items())]

    async def metadata(self, request: Request) -> Response:
        """What OAuth 2 clients may know of this server (RFC 8414)."""
        here = self._options.base_url
        secret = ["client_secret_basic", "client_secret_post"]
        flows = ["authorization_code", "client_credentials", "refresh_token"]
        described = {
            "issuer": here,
            "authorization_endpoint": f"{here}/site/oauth2/authorize",
            "token_endpoint": f"{here}/site/oauth2/access_token",
            "token_endpoint_auth_methods_supported": [*secret, "none"],
            "revocation_endpoint": f"{here}/site/oauth2/revoke",
            "revocation_endpoint_auth_methods_supported": [*secret, "none"],
            "introspection_endpoint": f"{here}/site/oauth2/introspect",
            "introspection_endpoint_auth_methods_supported": secret,
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": [*flows, *(["password"] if self._password_grant else [])],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": f"{here}/docs",
        }
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(msgspec.json.encode(described), media_type=responses.JSON, headers=headers)

    # -- OAuth 2

    def _oauth2(self, endpoint: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            # It takes longer to load than everything else of a server that nobody asks for OAuth.
            from onebucket.http.oauth.authorization_server import OAuthServer, TokenRequest

            try:
                form = await _form(request)
                person_id = await self._password_owner(form, _address(request)) if endpoint == "token" else None
            except Invalid as refusal:
                return responses.oauth1_problem(400, "invalid_request", refusal.sentence)
            except (TooManyRequests, DatabaseUnavailable) as trouble:
                return responses.json_error_response(trouble)
            posted = TokenRequest(request.headers.get("authorization"), form, person_id)
            count = self._counter()

            def replied(work: UnitOfWork) -> Any:
                provider = OAuthServer(work, posted, key=self._key, password_grant=self._password_grant, count=count)
                return provider.handle(endpoint)

            def written(reply: Any) -> Response:
                if reply.body.get("error") == "invalid_client":
                    self._authentication.count_wrong_secret(_address(request))
                return responses.json_response(reply.status, reply.body, dict(reply.headers))

            return await self._run_write(request, replied, written, told=responses.json_error_response)

        return answer

    def _counter(self) -> Callable[[str], None]:
        """What counts the calls of one request, once for each id, however often the request is done again."""
        counted: set[str] = set()

        def count(id: str) -> None:
            if self._limits is not None and id not in counted:
                self._limits.take(id)
                counted.add(id)

        return count

    async def _password_owner(self, form: dict[str, str], address: str | None) -> str | None:
        """Whose name and password a form holds, where that is a way to get a token. Raises TooManyRequests."""
        if not self._password_grant or form.get("grant_type") != "password":
            return None
        try:
            name, password = form.get("username", ""), form.get("password", "")
            proof = await self._authentication.verify_password(name, password, address)
        except Unauthenticated:
            return None
        return proof.account_id

    # -- OAuth 1

    def _oauth1(
        self, action: Callable[[UnitOfWork, VerifiedSignature], dict[str, str]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers = requests.headers(request.scope)
            try:
                body = await _body(request)
                form = body if credential_source.is_form_body(headers) else b""
                checked = await self.signatures.verify(SignedRequest("POST", request.scope, headers, form))
            except Invalid as refusal:
                return responses.text_response(400, refusal.sentence)
            except Unauthenticated:
                return responses.not_signed()
            except DatabaseUnavailable as trouble:
                return responses.error_response(trouble)
            count = self._counter()

            def change(work: UnitOfWork) -> dict[str, str]:
                count(checked.consumer.id)
                return action(work, checked)

            return await self._run_write(
                request,
                change,
                lambda words: Response(urlencode(words), media_type=_FORM, headers=responses.HEADERS),
            )

        return answer

    def _request_token(self, work: UnitOfWork, checked: VerifiedSignature) -> dict[str, str]:
        """A token that the person's browser is sent to `authenticate` with."""
        if checked.token:
            raise Unauthenticated
        token = hashing.new_secret()
        hash = hashing.secret_hash(token)
        oauth.request(work, checked.consumer, callback=checked.words.get("oauth_callback", ""), token_hash=hash)
        return self._with_secret(token) | {"oauth_callback_confirmed": "true"}

    def _access_token(self, work: UnitOfWork, checked: VerifiedSignature) -> dict[str, str]:
        """The token that requests are signed with, for one that a person has agreed to."""
        token = hashing.new_secret()
        try:
            oauth.exchange(
                work,
                checked.consumer,
                token_hash=hashing.secret_hash(checked.token),
                verifier_hash=hashing.secret_hash(checked.words.get("oauth_verifier", "")),
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
        written: Callable[[Any], Response],
        *,
        told: Callable[[Exception], Response] | None = None,
    ) -> Response:
        """Run an action as nobody yet, in a transaction of its own, and log it."""
        id = requests.request_id(requests.headers(request.scope))
        address = _address(request)

        def change(tx: Transaction) -> Any:
            return action(UnitOfWork(NOBODY, tx, self._clock(), id, self._new_id, address, self._site_limits))

        try:
            answer = written(await self._write_queue.submit(change))
        except Unauthenticated:
            answer = responses.not_signed()
        except Exception as error:
            answer = (told or responses.error_response)(error)
        answer.headers["X-Request-Id"] = id
        about = {"request_id": id, "method": "POST", "path": request.url.path, "status": answer.status_code}
        self._log.log(logging.INFO, "request", **about, address=address)
        return answer


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; empty ones count as left out (RFC 6749, 3.2). Raises Invalid."""
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
