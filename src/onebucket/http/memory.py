"""Answers that were given and would be given again: the same question by the same credential, and nothing changed.

An answer to a GET, or to a POST that only asks, follows from the database, the request and the credential alone. The
database says for little whether anybody has committed anything since, in this process or another; as long as nobody
has, what was answered before is the answer. After any change all is forgotten.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from onebucket.domain.accounts import Actor
from onebucket.http.answers import NOT_STORED, Answer
from onebucket.http.authn import Proof
from onebucket.http.requests import Request
from onebucket.store.database import Database

LARGEST = 8 << 20

_OVERHEAD = 1000

Key = tuple[Proof, str, bytes, bytes, bytes, str | None, bytes | None, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer, and on whose behalf it was given."""

    answer: Answer
    actor: Actor
    size: int


class Memory:
    """Remembers answers, `limit` bytes of them at most; `hits` and `misses` count the questions."""

    def __init__(self, database: Database, limit: int = LARGEST) -> None:
        self._database = database
        self._limit = limit
        self._version: int | str = -1
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, Remembered] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def recall(self, request: Request, proof: Proof, at: datetime) -> tuple[Remembered | None, int | str]:
        """The answer to that question, if it was given and holds still; and the version of the database it is of."""
        version = self._database.version()
        with self._lock:
            if version != self._version:
                self._answers.clear()
                self._version, self.size = version, 0

            found = self._answers.get(_key(request, proof))
            if found is None or (found.actor.expires_at is not None and found.actor.expires_at <= at):
                self.misses += 1
                return None, version
            self.hits += 1
            return found, version

    def keep(self, request: Request, proof: Proof, answer: Answer, actor: Actor, *, version: int | str) -> None:
        """Remember an answer that was worked out after `recall` found none in that version.

        Should somebody have committed in between, the next `recall` notices, and forgets this one too.
        """
        # Who may read JSONP depends on more headers than the key holds (formats C4); it says of itself that it is not
        # to be stored, however its query was spelled.
        size = self._limit + 1
        if isinstance(answer.body, bytes):
            size = len(answer.body) + len(request.body) + _OVERHEAD
        if answer.status not in (200, 304) or size > self._limit or NOT_STORED in answer.headers:
            return
        key = _key(request, proof)
        with self._lock:
            if key in self._answers or version != self._version:
                return

            self._answers[key] = Remembered(answer, actor, size)
            self.size += size
            while self.size > self._limit:
                _, oldest = self._answers.popitem(last=False)
                self.size -= oldest.size


def _key(request: Request, proof: Proof) -> Key:
    scope = request.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    heeded = tuple(request.heeded.items())
    etag = request.headers.get(b"if-none-match")
    return proof, request.method, raw, request.query, request.body, request.content_type, etag, heeded
