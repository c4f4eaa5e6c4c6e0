"""Requests that come again in the very same words: answered before anything of them is read.

What an answer follows from besides the database are the request's words, its sender's address and his credential; so
whoever repeats all of that while nothing has changed gets the same bytes again. He is counted like anybody else.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from onebucket.domain.accounts import Actor
from onebucket.http import requests
from onebucket.http.answers import Answer
from onebucket.http.limits import Limits
from onebucket.http.memory import Memory, Remembered
from onebucket.http.requestlog import RequestLog, Told
from onebucket.http.requests import Request, Scope, Send
from onebucket.http.uses import Uses

# Each is a key of 16 bytes and a row of references to an answer that is remembered anyway.
REPEATS_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is answered again: on whose behalf, whether that counts as a call, and until when the credential is good.

    `until` is in seconds of a clock that never goes back; `told` hears the id of each and how many seconds it took.
    """

    answer: Answer
    body: bytes
    actor: Actor
    address: str | None
    counts: bool
    until: float
    told: Told


class Repeats:
    """The requests that were answered from memory, by a keyed hash of all their words: they hold a credential."""

    def __init__(
        self,
        memory: Memory,
        requestlog: RequestLog,
        limits: Limits | None,
        uses: Uses,
        clock: Callable[[], datetime],
        now: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._requestlog = requestlog
        self._limits = limits
        self._uses = uses
        self._clock = clock
        self._now = now
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, Repeat] = {}
        self._version: int | str = -1

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
        if repeat is None:
            return False
        if self._now() >= repeat.until or not self._memory.is_of(self._version):
            del self._known[words]
            return False
        at, ends = self._clock(), repeat.actor.expires_at
        if ends is not None and ends <= at:
            return False
        id = requests.new_request_id()
        headers = (*repeat.answer.headers, (requests.REQUEST_ID, id.encode()))
        if self._limits is not None and repeat.counts and repeat.actor.id is not None:
            left = self._limits.try_to_take(repeat.actor.id)
            if left is None:
                return False
            headers = (*headers, *self._limits.near(left))

        self._memory.hits += 1
        repeat.told(id, time.perf_counter() - started)
        self._uses.note(repeat.actor, at, repeat.address)
        await send({"type": "http.response.start", "status": repeat.answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": repeat.body})
        return True

    def keep(self, request: Request, recalled: Remembered, *, until: float) -> None:
        """Remember that its words were answered so, from memory just now."""
        body, route = recalled.answer.body, request.route
        # A request that brings its own id is never the same one twice.
        if not request.words or route is None or not isinstance(body, bytes) or requests.REQUEST_ID in request.headers:
            return
        if self._version != self._memory.version or len(self._known) >= REPEATS_AT_MOST:
            self._known.clear()
            self._version = self._memory.version
        told = self._requestlog.again(request, recalled.answer)
        self._known[request.words] = Repeat(
            recalled.answer, body, recalled.actor, request.address, route.counts, until, told
        )
