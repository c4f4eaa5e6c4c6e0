"""Answers reads: from a replica, from the cache, from the database, or as a stream."""

from onebucket.domain.ends import earlier
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.cache.response_cache import CachedResponse, CacheKey, FingerprintEntry, Lookup, ResponseCache
from onebucket.http.dispatch import Dispatcher
from onebucket.http.execution import read_runner
from onebucket.http.execution.long_response import LongResponses
from onebucket.http.execution.replica_router import ReplicaRouter
from onebucket.http.monitoring.access_log import AccessLog
from onebucket.http.request import Request
from onebucket.http.response import Response
from onebucket.http.services import Services
from onebucket.store import revisions
from onebucket.store.engine import timestamps
from onebucket.store.engine.bounded_reads import ResultTooLarge
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.transaction import Transaction
from onebucket.surfaces.core.router import RouteMatch


class ReadHandler:
    """Answers authenticated requests that change nothing."""

    def __init__(
        self,
        services: Services,
        *,
        dispatcher: Dispatcher,
        cache: ResponseCache,
        replicas: ReplicaRouter,
        long_responses: LongResponses,
        access_log: AccessLog,
    ) -> None:
        self._database = services.database
        self._authentication = services.authentication
        self._dispatcher = dispatcher
        self._cache = cache
        self._replicas = replicas
        self._access_log = access_log
        self._long_responses = long_responses

    async def respond(self, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Response:
        """Answer a read. Raises whatever refuses it."""

        def handle(tx: Transaction) -> Response:
            return self._dispatcher.authorize_and_handle(tx, request, verified, match)

        def handle_bounded(tx: Transaction) -> Response:
            tx.read_mode = ReadMode.BOUNDED
            return handle(tx)

        try:
            is_cached = not (verified.single_use or match.surface.for_directories)
            if request.state.route is None or not is_cached or request.wanted.is_malformed:
                return await read_runner.read_in_transaction(self._database, handle_bounded)
            if self._replicas.states:
                response = await self._replicas.read(request.wanted.position, handle_bounded)
                if response is not None:
                    return response
            return await self._read_through_cache(request, verified, match)
        except ResultTooLarge:
            # The result is too large to hold in memory. Run the request again and stream it.
            return await self._long_responses.respond(handle)

    async def _read_through_cache(self, request: Request, verified: VerifiedCredential, match: RouteMatch) -> Response:
        """Answer from the cache when the entry is fresh, otherwise from the database. Raises ResultTooLarge."""
        lookup = await self._cache.find(request, verified)
        entry = lookup.entry
        if entry is not None and lookup.is_fresh:
            request.state.actor = entry.actor
            self._dispatcher.charge(request, entry.actor)
            self._cache.hits += 1
        else:
            computed = await read_runner.read_in_transaction(
                self._database, lambda tx: self._compute(tx, request, verified, match, lookup)
            )
            self._cache.store(request, lookup, computed)
            if computed is not entry:
                return computed.response

        self._add_fingerprint(request, verified, lookup.key, entry)
        return entry.response

    def _compute(
        self, tx: Transaction, request: Request, verified: VerifiedCredential, match: RouteMatch, lookup: Lookup
    ) -> CachedResponse:
        """Return the entry to cache: the stale one when it still holds, otherwise a new one. Raises ResultTooLarge."""
        actor = self._dispatcher.authorize(tx, request, verified, match)
        until = earlier(timestamps.optional_from_number(tx.next_end), actor.expires_at)
        if lookup.entry is not None and lookup.entry.is_unchanged(tx, actor):
            lookup.entry.until = until
            return lookup.entry
        tx.read_mode = ReadMode.BOUNDED
        tx.track_reads()
        response = self._dispatcher.handle(tx, request, actor, match)
        dependencies = revisions.dependencies_of(tx, [actor.id] if actor.id else [])
        return CachedResponse(response, actor, lookup.version, dependencies, until=until)

    def _add_fingerprint(
        self, request: Request, verified: VerifiedCredential, key: CacheKey, entry: CachedResponse
    ) -> None:
        """Let byte-identical repeats of a request that was answered from the cache skip parsing."""
        credential = request.headers.get(b"authorization")
        if not request.fingerprint or credential is None:
            return
        entry.log_line = entry.log_line or self._access_log.line(request, entry.response)
        charged_id = self._dispatcher.charged_id(request, entry.actor)
        until = self._authentication.verified_until(credential, verified)
        self._cache.add_fingerprint(request, FingerprintEntry(key, request.address, charged_id, until))
