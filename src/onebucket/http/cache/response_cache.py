"""The response cache: responses to reads, found by fingerprint or by key.

The response to a GET, or to a POST that only reads, depends on the database, the request and the credential alone. An
entry is fresh while the data version is the same. After a commit it can be revalidated when it depends only on accounts
(their groups, privileges and people) whose revisions are the same, and the actor is the same; otherwise it is replaced.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from onebucket.domain.accounts import Actor
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.cache.data_version import DataVersion
from onebucket.http.monitoring.access_log import LogLine
from onebucket.http.request import REQUEST_ID_HEADER, Request, Scope
from onebucket.http.response import NO_STORE, Response
from onebucket.lru_cache import LruCache
from onebucket.store import revisions
from onebucket.store.engine.database import DataVersionToken
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.store.engine.transaction import Transaction
from onebucket.store.revisions import CacheDependencies

# Estimated size of an entry in bytes, besides its bodies.
_ENTRY_OVERHEAD = 1000

# Fingerprints in the index, each 16 bytes and a few references; the least recently used are dropped.
MAX_FINGERPRINTS = 10_000

CacheKey = tuple[object, ...]


@dataclass(slots=True, eq=False)
class CachedResponse:
    """A response, the actor it was computed for, the last data version it was valid in, and its dependencies.

    `version` is read before the response is computed, so a concurrent commit makes the entry look stale, never fresh.
    `until` is when something that it depends on ends: the actor's credential, or any access in the database.
    `dependencies` is None when the response can't survive a commit. `log_line` is set once a fingerprint leads here.
    `size` is in bytes, set by the cache.
    """

    response: Response
    actor: Actor
    version: DataVersionToken
    dependencies: CacheDependencies | None
    log_line: LogLine | None = None
    size: int = 0
    until: datetime | None = None

    def is_fresh(self, version: DataVersionToken, at: datetime) -> bool:
        """Whether it is valid in `version`, and nothing that it depends on has ended at `at`."""
        return self.version == version and (self.until is None or at < self.until)

    def is_unchanged(self, tx: Transaction, actor: Actor) -> bool:
        """Whether computing it again in `tx`, for an authorized `actor`, would give the same response."""
        return self.dependencies is not None and self.actor == actor and revisions.unchanged(tx, self.dependencies)


@dataclass(slots=True, eq=False)
class FingerprintEntry:
    """The cache key of a fingerprint, and what each repeat of the request needs besides the cached response.

    `address` is the client's IP address, `charged_id` the account whose hourly limit each repeat counts against, None
    where none does. `until` is the monotonic second at which the credential has to be verified again.
    """

    key: CacheKey
    address: str | None
    charged_id: str | None
    until: float


@dataclass(slots=True, eq=False)
class Lookup:
    """What the cache holds under a request's key: `entry` is fresh, stale or None. `version` was read before."""

    key: CacheKey
    version: DataVersionToken
    entry: CachedResponse | None
    is_fresh: bool


class ResponseCache:
    """An LRU cache of responses, `limit` bytes at most, with an index of fingerprints.

    `entries` holds the responses by key, `fingerprints` the index. It leads to keys, so an evicted response is out of
    reach for every fingerprint. `now` is a monotonic clock in seconds. `hits` counts requests answered from the cache,
    `revalidated` those of them whose entry was checked again after a commit, `misses` the rest.
    """

    def __init__(self, limit: int, data_version: DataVersion, now: Callable[[], float]) -> None:
        self.data_version = data_version
        self._now = now
        self.entries: LruCache[CacheKey, CachedResponse] = LruCache(limit, lambda entry: entry.size)
        self.fingerprints: LruCache[bytes, FingerprintEntry] = LruCache(MAX_FINGERPRINTS)
        # Fingerprints are keyed hashes because headers hold credentials.
        self._secret = secrets.token_bytes(32)
        self.hits = 0
        self.revalidated = 0
        self.misses = 0

    @property
    def size(self) -> int:
        """The size of all entries in bytes."""
        return self.entries.size

    def fingerprint(self, scope: Scope) -> bytes:
        """Hash a whole GET request, unparsed; empty for other methods."""
        if scope["method"] != "GET":
            return b""
        peer = scope.get("client")
        lines = [b"\0".join(line) for line in scope["headers"]]
        parts = (scope.get("raw_path") or b"", scope["query_string"], peer[0].encode() if peer else b"", *lines)
        return blake2b(b"\0\0".join(parts), key=self._secret, digest_size=16).digest()

    async def find_repeat(
        self, fingerprint: bytes, at: datetime
    ) -> tuple[FingerprintEntry, CachedResponse, LogLine] | None:
        """Return the fresh entry of a byte-identical repeat; None when the request has to be parsed."""
        known = self.fingerprints.get(fingerprint)
        if known is None or self._now() >= known.until:
            return None
        entry = self.entries.get(known.key)
        if entry is None or entry.log_line is None:
            return None
        try:
            version = await self.data_version.current()
        except DatabaseUnavailable:
            # Whoever parses the request gets the same error, and answers with it.
            return None
        return (known, entry, entry.log_line) if entry.is_fresh(version, at) else None

    async def find(self, request: Request, verified: VerifiedCredential) -> Lookup:
        """Look up an authenticated request by its key. Raises DatabaseUnavailable, DatabaseUnusable.

        The version is read before the response is computed. So a commit in between makes the new entry look stale,
        never fresh.
        """
        version, key = await self.data_version.current(), _cache_key(request, verified)
        entry = self.entries.get(key)
        return Lookup(key, version, entry, entry is not None and entry.is_fresh(version, request.at))

    def store(self, request: Request, lookup: Lookup, entry: CachedResponse) -> None:
        """Store the entry computed after `lookup`, evicting the least recently used; count a hit when it is unchanged.

        Only buffered 200 and 304 responses of less than the whole limit are cached.
        """
        if entry is lookup.entry:
            entry.version = lookup.version
            self.revalidated += 1
            self.hits += 1
        else:
            self.misses += 1
        response = entry.response
        # Who may read JSONP depends on more headers than the key holds (contract/formats.md#c4). Such a response is
        # marked `no-store`.
        if response.status not in (200, 304) or not isinstance(response.body, bytes) or NO_STORE in response.headers:
            return
        entry.size = len(response.body) + len(request.state.body) + _ENTRY_OVERHEAD
        self.entries[lookup.key] = entry

    def add_fingerprint(self, request: Request, known: FingerprintEntry) -> None:
        """Let byte-identical repeats of a request find its entry; skips requests that never repeat."""
        # One with its own id doesn't.
        has_body = request.headers.get(b"content-length", b"0") != b"0"
        if request.fingerprint and REQUEST_ID_HEADER not in request.headers and not has_body:
            self.fingerprints[request.fingerprint] = known

    def close(self) -> None:
        """Stop asking the database for its version."""
        self.data_version.close()


def _cache_key(request: Request, verified: VerifiedCredential) -> CacheKey:
    """Everything that a response depends on besides the database; verifying a credential again keeps its key."""
    scope, state = request.scope, request.state
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    varied_headers = tuple(request.varied_headers.items())
    etag = request.headers.get(b"if-none-match")
    return verified.key, request.method, raw, state.query, state.body, request.content_type, etag, varied_headers
