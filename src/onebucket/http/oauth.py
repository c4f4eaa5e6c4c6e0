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
from onebucket.actions.work import Work
from onebucket.domain.accounts import NOBODY, SCOPES
from onebucket.domain.refusals import Invalid, LinkIsDead, Overloaded, Unauthenticated
from onebucket.domain.terms import Terms
from onebucket.http import replies, requests, shown
from onebucket.http.answers import Ways
from onebucket.http.authn import Authentication
from onebucket.http.limits import Limits
from onebucket.http.signed import Checked, Message, Signatures
from onebucket.http.writer import Writer
from onebucket.store.database import Database, Transaction, Unavailable
from onebucket.surfaces.v1.routes import BASES

LARGEST_FORM = 1 << 16

_FORM = "application/x-www-form-urlencoded"


class Endpoints:
    """`/site/oauth2/access_token`, `revoke` and `introspect`, what OAuth 1 asks for, and the metadata of OAuth 2.

    Calls count for the consumer, and for the person who is given to it, in `limits`.
    `key` is what consumers' secrets are derived from; `signatures` checks requests that were signed with them. Only
    with `password_grant` a consumer may ask for tokens with a person's own password.
    """

    def __init__(
        self,
        *,
        database: Database,
        writer: Writer,
        authentication: Authentication,
        ways: Ways,
        terms: Terms,
        key: bytes,
        password_grant: bool,
        limits: Limits | None,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._writer = writer
        self._authentication = authentication
        self.signatures = Signatures(database=database, writer=writer, key=key, base_url=ways.base_url, clock=clock)
        self._ways = ways
        self._terms = terms
        self._key = key
        self._password_grant = password_grant
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._log = structlog.get_logger("onebucket.http").bind()

    def routes(self) -> list[BaseRoute]:
        """Their addresses."""
        posted: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/site/oauth2/access_token": self._second("token"),
            "/site/oauth2/revoke": self._second("revocation"),
            "/site/oauth2/introspect": self._second("introspection"),
        }
        for base in BASES:
            posted[f"{base}/oauth/request_token"] = self._first(self._request_token)
            posted[f"{base}/oauth/access_token"] = self._first(self._access_token)
        told = Route("/.well-known/oauth-authorization-server", self.metadata, methods=["GET"])
        return [told, *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posted.items())]

    async def metadata(self, request: Request) -> Response:
        """What OAuth 2 clients may know of this server (RFC 8414)."""
        here = self._ways.base_url
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
        return Response(msgspec.json.encode(described), media_type=replies.JSON, headers=headers)

    # -- OAuth 2

    def _second(self, endpoint: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            # It takes longer to load than everything else of a server that nobody asks for OAuth.
            from onebucket.http.provider import Posted, Provider

            try:
                form = await _form(request)
                person_id = await self._whose_password(form, _address(request)) if endpoint == "token" else None
            except Invalid as refusal:
                return replies.problem(400, "invalid_request", refusal.sentence)
            except (Overloaded, Unavailable) as trouble:
                return replies.told_in_json(trouble)
            posted = Posted(request.headers.get("authorization"), form, person_id)
            count = self._counter()

            def replied(work: Work) -> Any:
                provider = Provider(work, posted, key=self._key, password_grant=self._password_grant, count=count)
                return provider.reply(endpoint)

            def written(reply: Any) -> Response:
                if reply.body.get("error") == "invalid_client":
                    self._authentication.count_wrong_secret(_address(request))
                return replies.json(reply.status, reply.body, dict(reply.headers))

            return await self._change(request, replied, written, told=replies.told_in_json)

        return answer

    def _counter(self) -> Callable[[str], None]:
        """What counts the calls of one request, once for each id, however often the request is done again."""
        counted: set[str] = set()

        def count(id: str) -> None:
            if self._limits is not None and id not in counted:
                self._limits.take(id)
                counted.add(id)

        return count

    async def _whose_password(self, form: dict[str, str], address: str | None) -> str | None:
        """Whose name and password a form holds, where that is a way to get a token. Raises Overloaded."""
        if not self._password_grant or form.get("grant_type") != "password":
            return None
        try:
            name, password = form.get("username", ""), form.get("password", "")
            proof = await self._authentication.prove_password(name, password, address)
        except Unauthenticated:
            return None
        return proof.account_id

    # -- OAuth 1

    def _first(self, action: Callable[[Work, Checked], dict[str, str]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers = requests.headers(request.scope)
            try:
                body = await _body(request)
                form = body if shown.is_form(headers) else b""
                checked = await self.signatures.check(Message("POST", request.scope, headers, form))
            except Invalid as refusal:
                return replies.text(400, refusal.sentence)
            except Unauthenticated:
                return replies.unsigned()
            except Unavailable as trouble:
                return replies.told(trouble)
            count = self._counter()

            def change(work: Work) -> dict[str, str]:
                count(checked.consumer.id)
                return action(work, checked)

            return await self._change(
                request,
                change,
                lambda words: Response(urlencode(words), media_type=_FORM, headers=replies.HEADERS),
            )

        return answer

    def _request_token(self, work: Work, checked: Checked) -> dict[str, str]:
        """A token that the person's browser is sent to `authenticate` with."""
        if checked.token:
            raise Unauthenticated
        token = hashing.new_secret()
        hash = hashing.secret_hash(token)
        oauth.request(work, checked.consumer, callback=checked.words.get("oauth_callback", ""), token_hash=hash)
        return self._with_secret(token) | {"oauth_callback_confirmed": "true"}

    def _access_token(self, work: Work, checked: Checked) -> dict[str, str]:
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
        except (LinkIsDead, Invalid):
            raise Unauthenticated from None
        return self._with_secret(token)

    def _with_secret(self, token: str) -> dict[str, str]:
        return {"oauth_token": token, "oauth_token_secret": hashing.derived_secret(self._key, "token", token)}

    # -- both

    async def _change(
        self,
        request: Request,
        action: Callable[[Work], Any],
        written: Callable[[Any], Response],
        *,
        told: Callable[[Exception], Response] | None = None,
    ) -> Response:
        """Run an action as nobody yet, in a transaction of its own, and log it."""
        id = requests.request_id(requests.headers(request.scope))
        address = _address(request)

        def change(tx: Transaction) -> Any:
            return action(Work(NOBODY, tx, self._clock(), id, self._new_id, address, self._terms))

        try:
            answer = written(await self._writer.change(change))
        except Unauthenticated:
            answer = replies.unsigned()
        except Exception as error:
            answer = (told or replies.told)(error)
        answer.headers["X-Request-Id"] = id
        about = {"request_id": id, "method": "POST", "path": request.url.path, "status": answer.status_code}
        self._log.log(logging.INFO, "request", **about, address=address)
        return answer


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; empty ones count as left out (RFC 6749, 3.2). Raises Invalid."""
    if not shown.is_form(requests.headers(request.scope)):
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
        if len(body) > LARGEST_FORM:
            raise Invalid("the form is too long")
    return body
