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

from onebucket.http import requests
from onebucket.http.limits import Limits
from onebucket.http.memory import Memory, Remembered
from onebucket.http.requestlog import RequestLog, Told
from onebucket.http.requests import Request, Scope, Send
from onebucket.http.uses import Uses
from onebucket.http.versions import Versions
from onebucket.store.database import Unavailable

# Each is a key of 16 bytes and a row of references; it keeps no answer.
REPEATS_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is answered again: from where it is asked, whether that counts as a call, until when it is proved by whom.

    `known` is nothing any more when memory has forgotten it: so there is nothing to be kept in step with that. `until`
    is in seconds of a clock that never goes back; `told` hears the id of each and how many seconds it took.
    """

    known: "ref[Remembered]"
    address: str | None
    counts: bool
    until: float
    told: Told


class Repeats:
    """The requests that were answered from memory, by a keyed hash of all their words: they hold a credential."""

    def __init__(
        self,
        memory: Memory,
        versions: Versions,
        requestlog: RequestLog,
        limits: Limits | None,
        uses: Uses,
        clock: Callable[[], datetime],
        now: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._versions = versions
        self._requestlog = requestlog
        self._limits = limits
        self._uses = uses
        self._clock = clock
        self._now = now
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, Repeat] = OrderedDict()

    def words(self, scope: Scope) -> bytes:
        """The hash of everything that a request says, before any of it is looked at; empty for what can't repeat."""
        if scope["method"] != "GET":
            return b""
        peer = scope.get("client")
        lines = [b"\0".join(line) for line in scope["headers"]]
        said = (scope.get("raw_path") or b"", scope["query_string"], peer[0].encode() if peer else b"", *lines)
        return blake2b(b"\0\0".join(said), key=self._key, digest_size=16).digest()

    async def answer(self, words: bytes, started: float, send: Send) -> bool:
        """Answer what came before in the same words, if that holds still; whether it did."""
        repeat = self._known.get(words)
        known = repeat.known() if repeat is not None else None
        # One that is forgotten may still be sent to somebody else.
        if repeat is None or known is None or not known.size or self._now() >= repeat.until:
            return False
        # Other words may hold still what these don't any more: the answer is looked at once more when it is found.
        at = self._clock()
        try:
            version = await self._versions.now()
        except Unavailable:
            # Whoever asks is told so in the form of an answer to him.
            return False
        if not known.holds(version, at):
            return False

        id = requests.new_request_id()
        headers = (*known.answer.headers, (requests.REQUEST_ID, id.encode()))
        if self._limits is not None and repeat.counts and known.actor.id is not None:
            left = self._limits.try_to_take(known.actor.id)
            if left is None:
                return False
            headers = (*headers, *self._limits.near(left))

        self._memory.hits += 1
        repeat.told(id, time.perf_counter() - started)
        self._uses.note(known.actor, at, repeat.address)
        await send({"type": "http.response.start", "status": known.answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": known.answer.body})
        return True

    def keep(self, request: Request, known: Remembered, *, until: float) -> None:
        """Remember that its words were answered so, from memory just now."""
        route, is_whole = request.route, isinstance(known.answer.body, bytes)
        # A request that brings its own id is never the same one twice.
        if not request.words or route is None or not is_whole or requests.REQUEST_ID in request.headers:
            return
        if not known.size:
            # While it was looked at once more, others took its place.
            return
        told = self._requestlog.again(request, known.answer)
        self._known[request.words] = Repeat(ref(known), request.address, route.counts, until, told)
        self._known.move_to_end(request.words)
        while len(self._known) > REPEATS_AT_MOST:
            self._known.popitem(last=False)
