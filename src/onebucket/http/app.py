"""The ASGI application: turns a request into a response, the same way for every surface."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from onebucket.domain.refusals import Unauthenticated
from onebucket.http import errors
from onebucket.http import request as requests
from onebucket.http.auth import credential_source, oauth1_signature
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.auth.client_address import TrustedProxies
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.auth.last_used import LastUsedRecorder
from onebucket.http.auth.oauth1_signature import SignatureVerifier
from onebucket.http.cache.response_cache import ResponseCache
from onebucket.http.dispatch import Dispatcher
from onebucket.http.effects import Exchange, ResponseEffects
from onebucket.http.execution import body_sender
from onebucket.http.execution.body_deadline import ArrivingBody
from onebucket.http.execution.long_response import StreamingBody
from onebucket.http.monitoring.access_log import AccessLog
from onebucket.http.read_handler import ReadHandler
from onebucket.http.request import Application, Receive, Request, RequestState, Scope, Send
from onebucket.http.response import Response, ResponseBuilder
from onebucket.http.services import Services
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.surfaces.core.router import RouteMatch, Router
from onebucket.wire.body_reader import ClientDisconnected


@dataclass(frozen=True, slots=True)
class Recorders:
    """What keeps a record of requests: the access log, failures for the journal, and the last use of app passwords."""

    access_log: AccessLog
    failure_audit: FailureAudit
    last_used: LastUsedRecorder


class App:
    """Serve the surfaces' routes, and pass every other request to `fallback`."""

    def __init__(
        self,
        services: Services,
        *,
        router: Router,
        fallback: Application,
        dispatcher: Dispatcher,
        responses: ResponseBuilder,
        signatures: SignatureVerifier,
        cache: ResponseCache,
        reads: ReadHandler,
        recorders: Recorders,
    ) -> None:
        self._database = services.database
        self._write_queue = services.write_queue
        self._authentication = services.authentication
        self._rate_limiter = services.rate_limiter
        self._options = services.options
        self._clock = services.clock
        self._router = router
        self._fallback = fallback
        self._dispatcher = dispatcher
        self._responses = responses
        self._signature_verifier = signatures
        self._cache = cache
        self._reads = reads
        self._access_log = recorders.access_log
        self._failure_audit = recorders.failure_audit
        self.effects = ResponseEffects(recorders.access_log, recorders.last_used, services.rate_limiter)
        self._trusted_proxies = TrustedProxies(self._options.trusted_proxies, self._options.proxy_header)
        self._has_warned_of_proxy = False
        self._log = structlog.get_logger("onebucket.http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        fingerprint = self._cache.fingerprint(scope)
        if fingerprint and await self._respond_to_repeat(fingerprint, started, receive, send):
            return

        headers = requests.headers(scope)
        if not self._trusted_proxies.resolve_client(scope, headers):
            fingerprint = b"" if requests.take_id(scope, headers) else fingerprint
            self._warn_about_unlisted_proxy(scope, headers)
        segments, is_malformed = requests.segments(scope)
        base = self._router.find_base(segments)
        if base is None:
            await self._fallback(scope, receive, send)
            return

        body = ArrivingBody(receive)
        request = Request(
            scope, requests.request_id(headers), scope["method"], segments, headers, self._clock(),
            RequestState(scope["query_string"]), is_malformed, fingerprint, requests.wanted_revision(headers),
        )  # fmt: skip
        try:
            response = await self._respond(request, base, body)
        except ClientDisconnected:
            return
        await body.discard_rest(headers)
        line, state = self._access_log.line(request, response), request.state
        exchange = Exchange(
            request.id, request.at, started, request.address, state.actor, state.calls_left, line, response.headers
        )
        try:
            await self._finish(exchange, response, receive, send, without_body=request.method == "HEAD")
        finally:
            if response.status == 401 and b"authorization" in request.headers:
                self._write_queue.submit_in_background(
                    lambda tx: self._failure_audit.record_failed_sign_in(tx, request)
                )

    async def _respond_to_repeat(self, fingerprint: bytes, started: float, receive: Receive, send: Send) -> bool:
        """Answer a byte-identical repeat from the cache, unparsed; return whether that was possible."""
        at = self._clock()
        repeat = await self._cache.find_repeat(fingerprint, at)
        if repeat is None:
            return False
        known, entry, line = repeat
        calls_left = None
        if self._rate_limiter is not None and known.charged_id is not None:
            calls_left = self._rate_limiter.try_take(known.charged_id)
            if calls_left is None:
                return False

        self._cache.hits += 1
        id = requests.new_request_id()
        exchange = Exchange(id, at, started, known.address, entry.actor, calls_left, line, entry.response.headers)
        await self._finish(exchange, entry.response, receive, send)
        return True

    async def _finish(
        self, exchange: Exchange, response: Response, receive: Receive, send: Send, *, without_body: bool = False
    ) -> None:
        """Run the effects and send the response: what every response goes through."""
        self.effects.run(exchange)
        await send({"type": "http.response.start", "status": response.status, "headers": exchange.headers})
        if isinstance(response.body, bytes) or without_body:
            if isinstance(response.body, StreamingBody):
                response.body.close()
            body = response.body if isinstance(response.body, bytes) and not without_body else b""
            await send({"type": "http.response.body", "body": body})
            return
        try:
            await body_sender.send_body(response.body, receive, send, self._database.aside)
        except DatabaseUnavailable as error:
            # The status has been sent. Raising cuts the connection, so the client sees that the body is incomplete.
            self._log.error("unavailable", reason=str(error), request_id=exchange.id)
            raise

    async def _respond(self, request: Request, base: tuple[str, ...], receive: Receive) -> Response:
        match = self._router.find(base, request.segments[len(base) :])
        route = request.state.route = match.methods.get("GET" if request.method == "HEAD" else request.method)
        try:
            credential = credential_source.find_credential(request, in_query=self._options.query_token)
            verified, is_new = await self._authenticate(request, credential, receive)
            if route is not None and not request.reads:
                await requests.read_body(request, receive)
                credential_source.check_single_credential(request, credential)
            try:
                return await self._dispatch(request, verified, match)
            except Unauthenticated:
                if is_new:
                    raise
            # The verified credential came from a cache and its account has changed. Check the credential again.
            verified, _ = await self._authentication.authenticate(credential, address=request.address, refused=verified)
            return await self._dispatch(request, verified, match)
        except ClientDisconnected:
            raise
        except Exception as error:
            surface = match.surface
            error_response = errors.to_response(
                error, realm=self._options.realm, style=surface.errors, statuses=surface.statuses
            )
            log_fields = {"request_id": request.id, "method": request.method, "path": request.path}
            if isinstance(error, DatabaseUnavailable):
                self._log.error("unavailable", reason=str(error), **log_fields)
            elif error_response is None or error_response.status == 503:
                self._log.exception("unforeseen", **log_fields)
            error_response = error_response or errors.internal_error(surface.errors)
            if (
                error_response.status == 401
                and not self._options.query_token
                and credential_source.is_token_overlooked(request)
            ):
                error_response = errors.hinted(error_response, credential_source.QUERY_TOKEN_OFF)
            return self._responses.error(request, error_response)

    async def _authenticate(
        self, request: Request, credential: bytes | None, receive: Receive
    ) -> tuple[VerifiedCredential, bool]:
        """Authenticate the request; also return whether that was done just now rather than taken from a cache.

        A request signed with OAuth 1.0 is authenticated with its body, so this may read the body.
        """
        if not credential_source.may_be_oauth1_signed(request, credential):
            credential_source.check_single_credential(request, credential)
            return await self._authentication.authenticate(credential, address=request.address)

        if not request.reads:
            await requests.read_body(request, receive)
        form = request.state.body if credential_source.is_form_body(request.headers) else b""
        signed_request = oauth1_signature.SignedRequest(request.method, request.scope, request.headers, form)
        return await self._signature_verifier.authenticate(signed_request), True

    async def _dispatch(self, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Response:
        route = request.state.route
        if route is not None and route.changes:
            response, tx = await self._write_queue.submit(
                lambda tx: (self._dispatcher.authorize_and_handle(tx, request, verified, match), tx),
                refused=lambda tx, error: self._failure_audit.record_refused_change(tx, request, match, error),
            )
            return (
                response
                if tx.position is None
                else response.with_header(requests.REVISION_HEADER, str(tx.position).encode())
            )

        return await self._reads.respond(request, verified, match)

    def _warn_about_unlisted_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not self._has_warned_of_proxy and self._trusted_proxies.is_unlisted_proxy(scope, headers):
            self._has_warned_of_proxy = True
            self._log.warning("a proxy is not in trusted_proxies: all its callers count as one address",
                              address=scope["client"][0])  # fmt: skip
