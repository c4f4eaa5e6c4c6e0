"""Answers that were given and would be given again: the same question with the same credential, and nothing changed.

An answer to a GET, or to a POST that only asks, follows from the database, the request and the credential alone. As
long as the database says that nobody has committed anything, what was answered before is the answer. When somebody
has, an answer that was read from groups, privileges and people alone holds still if the stamps of the accounts it
rests on are the same, and the credential is good for the same; any other is forgotten.
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

# What an answer takes besides its bytes.
_ENTRY_OVERHEAD = 1000

CacheKey = tuple[object, ...]


@dataclass(slots=True, eq=False, weakref_slot=True)
class CachedResponse:
    """An answer, on whose behalf it was given, in which version of the database it held last, and what it rests on.

    The version was asked for before it was worked out: should somebody have committed in between, the next to ask for
    the version notices. `size` is in bytes, 0 when it is not remembered, or not any more.
    """

    response: Response
    actor: Actor
    version: DataVersionToken
    dependencies: CacheDependencies | None
    size: int = 0

    def is_fresh(self, version: DataVersionToken, at: datetime) -> bool:
        """Whether it is the answer in that version, at that moment."""
        ends = self.actor.expires_at
        return self.version == version and (ends is None or at < ends)

    def is_unchanged(self, tx: Transaction, actor: Actor) -> bool:
        """Whether it is what would be worked out in that transaction, for somebody whom it has let in."""
        return self.dependencies is not None and self.actor == actor and revisions.unchanged(tx, self.dependencies)


class ResponseCache:
    """Remembers answers, `limit` bytes of them at most, and forgets first what was asked for longest ago.

    `hits` counts questions that were answered from here, `confirmed` those among them for which somebody had committed
    something in between, `misses` the others; whoever asks counts them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[CacheKey, CachedResponse] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.revalidated = 0
        self.misses = 0

    def lookup(self, request: Request, proof: VerifiedCredential) -> CachedResponse | None:
        """What was answered to that question, which may not be so any more."""
        key = _cache_key(request, proof)
        known = self._entries.get(key)
        if known is not None:
            self._entries.move_to_end(key)
        return known

    def revalidate(self, known: CachedResponse, version: DataVersionToken) -> None:
        """Let an answer be of that version too, as it was found to hold still after that version was asked for."""
        known.version = version
        self.revalidated += 1

    def store(self, request: Request, proof: VerifiedCredential, worked_out: CachedResponse) -> None:
        """Remember an answer to that question."""
        answer = worked_out.response
        # Who may read JSONP depends on more headers than the key holds (contract/formats.md#c4); it says of itself that it is not
        # to be stored, however its query was spelled.
        if answer.status not in (200, 304) or not isinstance(answer.body, bytes) or NO_STORE in answer.headers:
            return
        size = len(answer.body) + len(request.body) + _ENTRY_OVERHEAD
        if size > self._limit:
            return

        key = _cache_key(request, proof)
        self._evict(key)
        self._entries[key] = worked_out
        worked_out.size = size
        self.size += size
        while self.size > self._limit:
            self._evict(next(iter(self._entries)))

    def _evict(self, key: CacheKey) -> None:
        known = self._entries.pop(key, None)
        if known is not None:
            self.size -= known.size
            known.size = 0


def _cache_key(request: Request, proof: VerifiedCredential) -> CacheKey:
    """The question and the credential. The one that is proved again after a while is the same one."""
    scope = request.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    heeded = tuple(request.varied_headers.items())
    etag = request.headers.get(b"if-none-match")
    return proof.key, request.method, raw, request.query, request.body, request.content_type, etag, heeded
