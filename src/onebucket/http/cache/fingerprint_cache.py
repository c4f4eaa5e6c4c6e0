"""The fast path of the response cache: answers a byte-identical repeat of a request without parsing it.

A response depends on the database, the request, the client's address and the credential. So a request that repeats all
of that gets the cached bytes again while the data version is the same. It is rate-limited and logged like any other.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from weakref import ref

from onebucket.http import request as requests
from onebucket.http.auth.last_used import LastUsedRecorder
from onebucket.http.cache.data_version import DataVersion
from onebucket.http.cache.response_cache import CachedResponse, ResponseCache
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring.access_log import AccessLog, RecordResponse
from onebucket.http.request import Request, Scope, Send
from onebucket.store.engine.database import DatabaseUnavailable

# An entry is a key of 16 bytes and a few references; it keeps no response alive.
MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class FingerprintEntry:
    """A fingerprint's cached response, and what each repeat needs besides.

    `cached` is a weak reference, so evicting the response needs no bookkeeping here. `address` is the client's IP
    address, `counts` whether a repeat is charged to the rate limit, `until` the monotonic second at which the
    credential has to be verified again. `log` records one more response.
    """

    cached: "ref[CachedResponse]"
    address: str | None
    counts: bool
    until: float
    log: RecordResponse


class FingerprintCache:
    """Maps fingerprints to cached responses; keeps `MAX_ENTRIES` at most and drops the least recently stored first.

    `clock` is the wall clock; `now` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        memory: ResponseCache,
        versions: DataVersion,
        requestlog: AccessLog,
        limits: RateLimiter | None,
        uses: LastUsedRecorder,
        clock: Callable[[], datetime],
        now: Callable[[], float],
    ) -> None:
        self._cache = memory
        self._data_version = versions
        self._access_log = requestlog
        self._rate_limiter = limits
        self._last_used = uses
        self._clock = clock
        self._now = now
        self._key = secrets.token_bytes(32)
        self._entries: OrderedDict[bytes, FingerprintEntry] = OrderedDict()

    def fingerprint(self, scope: Scope) -> bytes:
        """Hash a whole GET request, unparsed; empty for other methods.

        The hash is keyed because the headers hold a credential.
        """
        if scope["method"] != "GET":
            return b""
        peer = scope.get("client")
        lines = [b"\0".join(line) for line in scope["headers"]]
        parts = (scope.get("raw_path") or b"", scope["query_string"], peer[0].encode() if peer else b"", *lines)
        return blake2b(b"\0\0".join(parts), key=self._key, digest_size=16).digest()

    async def respond(self, fingerprint: bytes, started: float, send: Send) -> bool:
        """Send the cached response of a repeated request when it is still fresh; return whether it was sent."""
        entry = self._entries.get(fingerprint)
        cached = entry.cached() if entry is not None else None
        # An evicted response (size 0) may still be alive because it is being sent elsewhere.
        if entry is None or cached is None or not cached.size or self._now() >= entry.until:
            return False
        # A response that is not fresh keeps its entry: the slow path may revalidate it.
        at = self._clock()
        try:
            version = await self._data_version.current()
        except DatabaseUnavailable:
            # The slow path answers with the right error.
            return False
        if not cached.is_fresh(version, at):
            return False

        id = requests.new_request_id()
        headers = (*cached.response.headers, (requests.REQUEST_ID_HEADER, id.encode()))
        if self._rate_limiter is not None and entry.counts and cached.actor.id is not None:
            left = self._rate_limiter.try_take(cached.actor.id)
            if left is None:
                return False
            headers = (*headers, *self._rate_limiter.near_limit_headers(left))

        self._cache.hits += 1
        entry.log(id, time.perf_counter() - started)
        self._last_used.record(cached.actor, at, entry.address)
        await send({"type": "http.response.start", "status": cached.response.status, "headers": headers})
        await send({"type": "http.response.body", "body": cached.response.body})
        return True

    def store(self, request: Request, cached: CachedResponse, *, until: float) -> None:
        """Map the request's fingerprint to the cached response that answered it; `until` as in FingerprintEntry."""
        route, is_buffered = request.route, isinstance(cached.response.body, bytes)
        # A request with its own id never repeats.
        if not request.fingerprint or route is None or not is_buffered or requests.REQUEST_ID_HEADER in request.headers:
            return
        if not cached.size:
            # It was evicted while it was being revalidated.
            return
        log = self._access_log.recorder_for(request, cached.response)
        self._entries[request.fingerprint] = FingerprintEntry(
            ref(cached), request.address, route.is_rate_limited, until, log
        )
        self._entries.move_to_end(request.fingerprint)
        while len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)
