"""From request to answer, the same for every surface: who asks, what is there, in which format, then the work."""

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
    """The server as an ASGI application: the surfaces' addresses itself, everything else by `others`."""

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
        words = self._fingerprints.fingerprint(scope)
        if words and await self._fingerprints.respond(words, started, send):
            return

        headers = requests.headers(scope)
        if not self._trusted_proxies.resolve_client(scope, headers):
            words = b"" if requests.take_id(scope, headers) else words
            self._warn_about_unlisted_proxy(scope, headers)
        segments, is_malformed = requests.segments(scope)
        base = self._router.find_base(segments)
        if base is None:
            await self._fallback(scope, receive, send)
            return

        request = Request(scope, requests.request_id(headers), scope["method"], segments, headers, self._clock())
        request.query, request.is_malformed, request.fingerprint = scope["query_string"], is_malformed, words
        if requests.REVISION_HEADER in headers:
            requests.read_revision_header(request)
        try:
            answer = await self._respond(request, base, ArrivingBody(receive))
        except ClientDisconnected:
            return
        self._access_log.record(request, answer, time.perf_counter() - started)
        if request.actor is not None:
            self._last_used.record(request.actor, request.at, request.address)

        try:
            await self._send(request, answer, receive, send)
        finally:
            if answer.status == 401 and b"authorization" in request.headers:
                self._write_queue.submit_in_background(
                    lambda tx: self._failure_audit.record_failed_sign_in(tx, request)
                )

    def close(self) -> None:
        """Ask the database nothing more."""
        self._data_version.close()

    async def _send(self, request: Request, answer: Response, receive: Receive, send: Send) -> None:
        named = (*answer.headers, (requests.REQUEST_ID_HEADER, request.id.encode()))
        if request.calls_left is not None and self._rate_limiter is not None:
            named = (*named, *self._rate_limiter.near_limit_headers(request.calls_left))
        await send({"type": "http.response.start", "status": answer.status, "headers": named})
        if isinstance(answer.body, bytes) or request.method == "HEAD":
            body = answer.body if isinstance(answer.body, bytes) and request.method != "HEAD" else b""
            if isinstance(answer.body, StreamingBody):
                answer.body.close()
            await send({"type": "http.response.body", "body": body})
        else:
            try:
                await body_sender.send_body(answer.body, receive, send, self._database.aside)
            except DatabaseUnavailable as error:
                # It has begun already: it is cut off, so that nobody takes it for whole.
                self._log.error("unavailable", reason=str(error), request_id=request.id)
                raise

    async def _respond(self, request: Request, base: tuple[str, ...], receive: Receive) -> Response:
        found = self._router.find(base, request.segments[len(base) :])
        route = request.route = found.methods.get("GET" if request.method == "HEAD" else request.method)
        try:
            credential = credential_source.find_credential(request, in_query=self._options.query_token)
            proof, is_new = await self._authenticate(request, credential, receive)
            if route is not None and not request.reads:
                await requests.read_body(request, receive)
                credential_source.check_single_credential(request, credential)
            try:
                return await self._dispatch(request, proof, found)
            except Unauthenticated:
                if is_new:
                    raise
            # What the proof rested on has changed, perhaps to something that the credential is good for again.
            proof, _ = await self._authentication.authenticate(credential, address=request.address, refused=proof)
            return await self._dispatch(request, proof, found)
        except ClientDisconnected:
            raise
        except Exception as error:
            said = errors.to_response(error, realm=self._options.realm, exceptions=found.surface.exceptions)
            about = {"request_id": request.id, "method": request.method, "path": request.path}
            if isinstance(error, DatabaseUnavailable):
                self._log.error("unavailable", reason=str(error), **about)
            elif said is None or said.status == 503:
                self._log.exception("unforeseen", **about)
            told = said or errors.internal_error()
            if told.status == 401 and not self._options.query_token and credential_source.is_token_overlooked(request):
                told = errors.hinted(told, credential_source.QUERY_TOKEN_OFF)
            return self._responses.error(request, errors.enveloped(told) if found.surface.in_envelope else told)

    async def _authenticate(
        self, request: Request, credential: bytes | None, receive: Receive
    ) -> tuple[VerifiedCredential, bool]:
        """Who asks, and whether that was found out just now; a signed request's body is needed for that."""
        if not credential_source.may_be_oauth1_signed(request, credential):
            credential_source.check_single_credential(request, credential)
            return await self._authentication.authenticate(credential, address=request.address)

        if not request.reads:
            await requests.read_body(request, receive)
        form = request.body if credential_source.is_form_body(request.headers) else b""
        message = oauth1_signature.SignedRequest(request.method, request.scope, request.headers, form)
        return await self._signature_verifier.authenticate(message), True

    async def _dispatch(self, request: Request, proof: VerifiedCredential, found: RouteMatch) -> Response:
        route = request.route
        if route is not None and route.changes:
            answer, tx = await self._write_queue.submit(
                lambda tx: (self._dispatcher.authorize_and_handle(tx, request, proof, found), tx),
                refused=lambda tx, error: self._failure_audit.record_refused_change(tx, request, found, error),
            )
            return (
                answer
                if tx.position is None
                else answer.with_header(requests.REVISION_HEADER, str(tx.position).encode())
            )

        is_usual = route is not None and not proof.single_use and not request.has_bad_revision_header
        told = await self._read_on_replica(request, proof, found) if is_usual and self.replicas.states else None
        if told is not None:
            return told
        try:
            if route is None or not is_usual or not (request.reads or route.only_reads):
                return await read_runner.read(self._database, lambda: self._read(request, proof, found))
            return await self._read_through_cache(request, proof, found)
        except ResultTooLarge:
            # Once more, as there is more than memory should hold.
            return await self._long_responses.respond(
                lambda tx: self._dispatcher.authorize_and_handle(tx, request, proof, found)
            )

    async def _read_on_replica(self, request: Request, proof: VerifiedCredential, found: RouteMatch) -> Response | None:
        """The answer of a replica, which is not remembered; None where the primary has to be asked."""
        try:
            return await self.replicas.read(
                request.wanted_position, lambda tx: self._handle_bounded(tx, request, proof, found)
            )
        except ResultTooLarge:
            return None

    def _read(self, request: Request, proof: VerifiedCredential, found: RouteMatch) -> Response:
        """Answer what changes nothing, from the database. Raises ResultTooLarge."""
        with self._database.reading() as tx:
            return self._handle_bounded(tx, request, proof, found)

    def _handle_bounded(
        self, tx: Transaction, request: Request, proof: VerifiedCredential, found: RouteMatch
    ) -> Response:
        """The answer, unless there is more than memory should hold. Raises TooMany."""
        tx.read_mode = ReadMode.BOUNDED
        return self._dispatcher.authorize_and_handle(tx, request, proof, found)

    async def _read_through_cache(self, request: Request, proof: VerifiedCredential, found: RouteMatch) -> Response:
        """Answer what only reads: from the cache where that is still fresh. Raises ResultTooLarge."""
        version = await self._data_version.current()
        known = self._cache.lookup(request, proof)
        if known is None or not known.is_fresh(version, request.at):
            told = await read_runner.read(self._database, lambda: self._compute(request, proof, found, known, version))
            if told is not known:
                self._cache.misses += 1
                self._cache.store(request, proof, told)
                return told.response
            self._cache.revalidate(told, version)
            known = told
        else:
            request.actor = known.actor
            self._dispatcher.charge(request, known.actor)

        self._cache.hits += 1
        credential = request.headers.get(b"authorization")
        if credential is not None:
            self._fingerprints.store(request, known, until=self._authentication.verified_until(credential, proof))
        return known.response

    def _compute(
        self,
        request: Request,
        proof: VerifiedCredential,
        found: RouteMatch,
        known: CachedResponse | None,
        version: DataVersionToken,
    ) -> CachedResponse:
        """What is to be remembered of the answer from now on: what was `known` of it, where that holds still.

        Raises TooMany.
        """
        with self._database.reading() as tx:
            actor = self._dispatcher.authorize(tx, request, proof)
            if known is not None and known.is_unchanged(tx, actor):
                return known
            tx.read_mode = ReadMode.BOUNDED
            tx.track_reads()
            answer = self._dispatcher.handle(tx, request, actor, found)
            return CachedResponse(answer, actor, version, revisions.dependencies_of(tx, [actor.id] if actor.id else []))

    def _warn_about_unlisted_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not self._has_warned_of_proxy and self._trusted_proxies.is_unlisted_proxy(scope, headers):
            self._has_warned_of_proxy = True
            self._log.warning("a proxy that trusted_proxies doesn't name: its callers all count as one address",
                              address=scope["client"][0])  # fmt: skip
