"""The response cache: responses to reads, by request and credential.

The response to a GET, or to a POST that only reads, depends on the database, the request and the credential alone. An
entry is fresh while the data version is the same. After a commit it can be revalidated when it depends only on accounts
(their groups, privileges and people) whose revisions are the same, and the actor is the same; otherwise it is replaced.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from onebucket.domain.accounts import Actor
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.request import Request
from onebucket.http.response import NO_STORE, Response
from onebucket.store import revisions
from onebucket.store.engine.database import DataVersionToken, Transaction
from onebucket.store.revisions import CacheDependencies

# Estimated size of an entry in bytes, besides its bodies.
_ENTRY_OVERHEAD = 1000

CacheKey = tuple[object, ...]


@dataclass(slots=True, eq=False, weakref_slot=True)
class CachedResponse:
    """A response, the actor it was computed for, the last data version it was valid in, and its dependencies.

    `version` is read before the response is computed, so a concurrent commit makes the entry look stale, never fresh.
    `dependencies` is None when the response can't survive a commit. `size` is in bytes, 0 when the entry isn't in the
    cache.
    """

    response: Response
    actor: Actor
    version: DataVersionToken
    dependencies: CacheDependencies | None
    size: int = 0

    def is_fresh(self, version: DataVersionToken, at: datetime) -> bool:
        """Whether it is valid in `version`, and the actor's credential hasn't expired at `at`."""
        expires_at = self.actor.expires_at
        return self.version == version and (expires_at is None or at < expires_at)

    def is_unchanged(self, tx: Transaction, actor: Actor) -> bool:
        """Whether computing it again in `tx`, for an authorized `actor`, would give the same response."""
        return self.dependencies is not None and self.actor == actor and revisions.unchanged(tx, self.dependencies)


class ResponseCache:
    """An LRU cache of responses, `limit` bytes at most.

    `hits` counts requests answered from the cache, `revalidated` those of them whose entry was checked again after a
    commit, `misses` the rest. The caller counts hits and misses.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[CacheKey, CachedResponse] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.revalidated = 0
        self.misses = 0

    def lookup(self, request: Request, verified: VerifiedCredential) -> CachedResponse | None:
        """Return the entry for a request and credential, fresh or stale."""
        key = _cache_key(request, verified)
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def revalidate(self, entry: CachedResponse, version: DataVersionToken) -> None:
        """Mark an unchanged entry as valid in `version`, which must have been read before the entry was checked."""
        entry.version = version
        self.revalidated += 1

    def store(self, request: Request, verified: VerifiedCredential, entry: CachedResponse) -> None:
        """Add an entry and evict the least recently used; skips what must not be cached or is larger than the limit.

        Only buffered 200 and 304 responses are cached.
        """
        response = entry.response
        # Who may read JSONP depends on more headers than the key holds (contract/formats.md#c4). Such a response is
        # marked `no-store`.
        if response.status not in (200, 304) or not isinstance(response.body, bytes) or NO_STORE in response.headers:
            return
        size = len(response.body) + len(request.body) + _ENTRY_OVERHEAD
        if size > self._limit:
            return

        key = _cache_key(request, verified)
        self._evict(key)
        self._entries[key] = entry
        entry.size = size
        self.size += size
        while self.size > self._limit:
            self._evict(next(iter(self._entries)))

    def _evict(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= entry.size
            entry.size = 0


def _cache_key(request: Request, verified: VerifiedCredential) -> CacheKey:
    """Everything that a response depends on besides the database; verifying a credential again keeps its key."""
    scope = request.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    varied_headers = tuple(request.varied_headers.items())
    etag = request.headers.get(b"if-none-match")
    return verified.key, request.method, raw, request.query, request.body, request.content_type, etag, varied_headers
