"""Requests that come again in the very same words: answered before anything of them is read.

What an answer follows from besides the database are the request's words, its sender's address and his credential; so
whoever repeats all of that while nothing has changed gets the same bytes again. He is counted like anybody else.
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

# Each is a key of 16 bytes and a row of references; it keeps no answer.
MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class FingerprintEntry:
    """What is answered again: from where it is asked, whether that counts as a call, until when it is proved by whom.

    `known` is nothing any more when memory has forgotten it: so there is nothing to be kept in step with that. `until`
    is in seconds of a clock that never goes back; `told` hears the id of each and how many seconds it took.
    """

    cached: "ref[CachedResponse]"
    address: str | None
    counts: bool
    until: float
    log: RecordResponse


class FingerprintCache:
    """The requests that were answered from memory, by a keyed hash of all their words: they hold a credential."""

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
        """The hash of everything that a request says, before any of it is looked at; empty for what can't repeat."""
        if scope["method"] != "GET":
            return b""
        peer = scope.get("client")
        lines = [b"\0".join(line) for line in scope["headers"]]
        said = (scope.get("raw_path") or b"", scope["query_string"], peer[0].encode() if peer else b"", *lines)
        return blake2b(b"\0\0".join(said), key=self._key, digest_size=16).digest()

    async def respond(self, words: bytes, started: float, send: Send) -> bool:
        """Answer what came before in the same words, if that holds still; whether it did."""
        repeat = self._entries.get(words)
        known = repeat.cached() if repeat is not None else None
        # One that is forgotten may still be sent to somebody else.
        if repeat is None or known is None or not known.size or self._now() >= repeat.until:
            return False
        # Other words may hold still what these don't any more: the answer is looked at once more when it is found.
        at = self._clock()
        try:
            version = await self._data_version.current()
        except DatabaseUnavailable:
            # Whoever asks is told so in the form of an answer to him.
            return False
        if not known.is_fresh(version, at):
            return False

        id = requests.new_request_id()
        headers = (*known.response.headers, (requests.REQUEST_ID_HEADER, id.encode()))
        if self._rate_limiter is not None and repeat.counts and known.actor.id is not None:
            left = self._rate_limiter.try_take(known.actor.id)
            if left is None:
                return False
            headers = (*headers, *self._rate_limiter.near_limit_headers(left))

        self._cache.hits += 1
        repeat.log(id, time.perf_counter() - started)
        self._last_used.record(known.actor, at, repeat.address)
        await send({"type": "http.response.start", "status": known.response.status, "headers": headers})
        await send({"type": "http.response.body", "body": known.response.body})
        return True

    def store(self, request: Request, known: CachedResponse, *, until: float) -> None:
        """Remember that its words were answered so, from memory just now."""
        route, is_whole = request.route, isinstance(known.response.body, bytes)
        # A request that brings its own id is never the same one twice.
        if not request.fingerprint or route is None or not is_whole or requests.REQUEST_ID_HEADER in request.headers:
            return
        if not known.size:
            # While it was looked at once more, others took its place.
            return
        told = self._access_log.recorder_for(request, known.response)
        self._entries[request.fingerprint] = FingerprintEntry(
            ref(known), request.address, route.is_rate_limited, until, told
        )
        self._entries.move_to_end(request.fingerprint)
        while len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)
