"""The ASGI application: turns a request into a response, the same way for every surface."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from onebucket.domain.refusals import Unauthenticated
from onebucket.domain.site_limits import SiteLimits
from onebucket.http import errors
from onebucket.http import request as requests
from onebucket.http.auth import credential_source, oauth1_signature
from onebucket.http.auth.authentication import Authentication, VerifiedCredential
from onebucket.http.auth.client_address import TrustedProxies
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.auth.last_used import LastUsedRecorder
from onebucket.http.auth.oauth1_signature import SignatureVerifier
from onebucket.http.cache.data_version import DataVersion
from onebucket.http.cache.fingerprint_cache import FingerprintCache
from onebucket.http.cache.response_cache import CachedResponse, ResponseCache
from onebucket.http.dispatch import Dispatcher
from onebucket.http.execution import body_sender, read_runner
from onebucket.http.execution.body_deadline import ArrivingBody
from onebucket.http.execution.long_response import LongResponses, StreamingBody
from onebucket.http.execution.replica_router import ReplicaRouter
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring.access_log import AccessLog
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.request import Application, ClientDisconnected, Receive, Request, Scope, Send
from onebucket.http.response import Response, ResponseBuilder, ServerOptions
from onebucket.store import revisions
from onebucket.store.engine.bounded_reads import ReadMode, ResultTooLarge
from onebucket.store.engine.database import Database, DatabaseUnavailable, DataVersionToken, Transaction
from onebucket.surfaces.routing import RouteMatch, Router, Surface


class App:
    """Serve the surfaces' routes, and pass every other request to `others`.

    `clock` is the wall clock; `now` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        *,
        database: Database,
        surfaces: Sequence[Surface],
        others: Application,
        ways: ServerOptions,
        terms: SiteLimits,
        authentication: Authentication,
        attempts: FailureAudit,
        signatures: SignatureVerifier,
        writer: WriteQueue,
        memory: ResponseCache,
        uses: LastUsedRecorder,
        limits: RateLimiter | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self.replicas = ReplicaRouter(database, now)
        self._router = Router(surfaces)
        self._fallback = others
        self._options = ways
        self._responses = ResponseBuilder(ways)
        self._authentication = authentication
        self._failure_audit = attempts
        self._signature_verifier = signatures
        self._write_queue = writer
        self._access_log = AccessLog(metrics)
        self._clock = clock
        self._dispatcher = Dispatcher(
            authentication=authentication, answers=self._responses, ways=ways, terms=terms, limits=limits, new_id=new_id
        )
        versions = self._data_version = DataVersion(database)
        self._cache = memory
        self._long_responses = LongResponses(database)
        self._last_used = uses
        self._rate_limiter = limits
        self._trusted_proxies = TrustedProxies(ways.trusted_proxies, ways.proxy_header)
        self._has_warned_of_proxy = False
        self._log = structlog.get_logger("onebucket.http").bind()
        self._fingerprints = FingerprintCache(
            memory, versions, self._access_log, limits, uses, lambda: self._clock(), now
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        fingerprint = self._fingerprints.fingerprint(scope)
        if fingerprint and await self._fingerprints.respond(fingerprint, started, send):
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

        request = Request(scope, requests.request_id(headers), scope["method"], segments, headers, self._clock())
        request.query, request.is_malformed, request.fingerprint = scope["query_string"], is_malformed, fingerprint
        if requests.REVISION_HEADER in headers:
            requests.read_revision_header(request)
        try:
            response = await self._respond(request, base, ArrivingBody(receive))
        except ClientDisconnected:
            return
        self._access_log.record(request, response, time.perf_counter() - started)
        if request.actor is not None:
            self._last_used.record(request.actor, request.at, request.address)

        try:
            await self._send(request, response, receive, send)
        finally:
            if response.status == 401 and b"authorization" in request.headers:
                self._write_queue.submit_in_background(
                    lambda tx: self._failure_audit.record_failed_sign_in(tx, request)
                )

    def close(self) -> None:
        """Stop asking the database for its version."""
        self._data_version.close()

    async def _send(self, request: Request, response: Response, receive: Receive, send: Send) -> None:
        headers = (*response.headers, (requests.REQUEST_ID_HEADER, request.id.encode()))
        if request.calls_left is not None and self._rate_limiter is not None:
            headers = (*headers, *self._rate_limiter.near_limit_headers(request.calls_left))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if isinstance(response.body, bytes) or request.method == "HEAD":
            body = response.body if isinstance(response.body, bytes) and request.method != "HEAD" else b""
            if isinstance(response.body, StreamingBody):
                response.body.close()
            await send({"type": "http.response.body", "body": body})
        else:
            try:
                await body_sender.send_body(response.body, receive, send, self._database.aside)
            except DatabaseUnavailable as error:
                # The status has been sent. Raising cuts the connection, so the client sees that the body is incomplete.
                self._log.error("unavailable", reason=str(error), request_id=request.id)
                raise

    async def _respond(self, request: Request, base: tuple[str, ...], receive: Receive) -> Response:
        match = self._router.find(base, request.segments[len(base) :])
        route = request.route = match.methods.get("GET" if request.method == "HEAD" else request.method)
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
            error_response = errors.to_response(error, realm=self._options.realm, exceptions=match.surface.exceptions)
            log_fields = {"request_id": request.id, "method": request.method, "path": request.path}
            if isinstance(error, DatabaseUnavailable):
                self._log.error("unavailable", reason=str(error), **log_fields)
            elif error_response is None or error_response.status == 503:
                self._log.exception("unforeseen", **log_fields)
            error_response = error_response or errors.internal_error()
            if (
                error_response.status == 401
                and not self._options.query_token
                and credential_source.is_token_overlooked(request)
            ):
                error_response = errors.hinted(error_response, credential_source.QUERY_TOKEN_OFF)
            if match.surface.in_envelope:
                error_response = errors.enveloped(error_response)
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
        form = request.body if credential_source.is_form_body(request.headers) else b""
        signed_request = oauth1_signature.SignedRequest(request.method, request.scope, request.headers, form)
        return await self._signature_verifier.authenticate(signed_request), True

    async def _dispatch(self, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Response:
        route = request.route
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

        may_use_cache = route is not None and not verified.single_use and not request.has_bad_revision_header
        if may_use_cache and self.replicas.states:
            replica_response = await self._read_on_replica(request, verified, match)
            if replica_response is not None:
                return replica_response
        try:
            if route is None or not may_use_cache or not (request.reads or route.only_reads):
                return await read_runner.read(self._database, lambda: self._read(request, verified, match))
            return await self._read_through_cache(request, verified, match)
        except ResultTooLarge:
            # The result is too large to hold in memory. Run the request again and stream it.
            return await self._long_responses.respond(
                lambda tx: self._dispatcher.authorize_and_handle(tx, request, verified, match)
            )

    async def _read_on_replica(
        self, request: Request, verified: VerifiedCredential, match: RouteMatch
    ) -> Response | None:
        """Answer from a replica, without the cache; return None when the primary has to answer."""
        try:
            return await self.replicas.read(
                request.wanted_position, lambda tx: self._handle_bounded(tx, request, verified, match)
            )
        except ResultTooLarge:
            return None

    def _read(self, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Response:
        """Answer a read from the database, without the cache. Raises ResultTooLarge."""
        with self._database.reading() as tx:
            return self._handle_bounded(tx, request, verified, match)

    def _handle_bounded(
        self, tx: Transaction, request: Request, verified: VerifiedCredential, match: RouteMatch
    ) -> Response:
        """Answer in `tx`, with result sets limited to what memory should hold. Raises ResultTooLarge."""
        tx.read_mode = ReadMode.BOUNDED
        return self._dispatcher.authorize_and_handle(tx, request, verified, match)

    async def _read_through_cache(self, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Response:
        """Answer a read from the cache when the entry is fresh, otherwise from the database. Raises ResultTooLarge.

        The version is asked for before the response is computed. So a commit in between makes the new entry look
        stale, never fresh.
        """
        version = await self._data_version.current()
        entry = self._cache.lookup(request, verified)
        if entry is None or not entry.is_fresh(version, request.at):
            computed = await read_runner.read(
                self._database, lambda: self._compute(request, verified, match, entry, version)
            )
            if computed is not entry:
                self._cache.misses += 1
                self._cache.store(request, verified, computed)
                return computed.response
            self._cache.revalidate(computed, version)
            entry = computed
        else:
            request.actor = entry.actor
            self._dispatcher.charge(request, entry.actor)

        self._cache.hits += 1
        credential = request.headers.get(b"authorization")
        if credential is not None:
            self._fingerprints.store(request, entry, until=self._authentication.verified_until(credential, verified))
        return entry.response

    def _compute(
        self,
        request: Request,
        verified: VerifiedCredential,
        match: RouteMatch,
        entry: CachedResponse | None,
        version: DataVersionToken,
    ) -> CachedResponse:
        """Return the entry to cache: `entry` itself when it still holds, otherwise a new one. Raises ResultTooLarge."""
        with self._database.reading() as tx:
            actor = self._dispatcher.authorize(tx, request, verified)
            if entry is not None and entry.is_unchanged(tx, actor):
                return entry
            tx.read_mode = ReadMode.BOUNDED
            tx.track_reads()
            response = self._dispatcher.handle(tx, request, actor, match)
            return CachedResponse(
                response, actor, version, revisions.dependencies_of(tx, [actor.id] if actor.id else [])
            )

    def _warn_about_unlisted_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not self._has_warned_of_proxy and self._trusted_proxies.is_unlisted_proxy(scope, headers):
            self._has_warned_of_proxy = True
            self._log.warning("a proxy that trusted_proxies doesn't name: its callers all count as one address",
                              address=scope["client"][0])  # fmt: skip
