"""From request to answer, the same for every surface: who asks, what is there, in which format, then the work."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from onebucket.domain.refusals import Unauthenticated
from onebucket.domain.terms import Terms
from onebucket.http import errors, pieces, reading, requests, shown, signed
from onebucket.http.answers import Answer, Answers, Ways
from onebucket.http.arriving import ArrivingBody
from onebucket.http.attempts import Attempts
from onebucket.http.authn import Authentication, Proof
from onebucket.http.handling import Handling
from onebucket.http.lengths import Lasting, Lengths
from onebucket.http.limits import Limits
from onebucket.http.memory import Memory, Remembered
from onebucket.http.metrics import Metrics
from onebucket.http.peers import Proxies
from onebucket.http.repeats import Repeats
from onebucket.http.replicas import Replicas
from onebucket.http.requestlog import RequestLog
from onebucket.http.requests import Application, Disconnected, Receive, Request, Scope, Send
from onebucket.http.signed import Signatures
from onebucket.http.uses import Uses
from onebucket.http.versions import Versions
from onebucket.http.writer import Writer
from onebucket.store import directory
from onebucket.store.database import Database, Transaction, Unavailable, Version
from onebucket.store.spans import Span, TooMany
from onebucket.surfaces.routing import Found, Surface, Table


class App:
    """The server as an ASGI application: the surfaces' addresses itself, everything else by `others`."""

    def __init__(
        self,
        *,
        database: Database,
        surfaces: Sequence[Surface],
        others: Application,
        ways: Ways,
        terms: Terms,
        authentication: Authentication,
        attempts: Attempts,
        signatures: Signatures,
        writer: Writer,
        memory: Memory,
        uses: Uses,
        limits: Limits | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self.replicas = Replicas(database, now)
        self._table = Table(surfaces)
        self._others = others
        self._ways = ways
        self._answers = Answers(ways)
        self._authentication = authentication
        self._attempts = attempts
        self._signatures = signatures
        self._writer = writer
        self._requestlog = RequestLog(metrics)
        self._clock = clock
        self._handling = Handling(
            authentication=authentication, answers=self._answers, ways=ways, terms=terms, limits=limits, new_id=new_id
        )
        versions = self._versions = Versions(database)
        self._memory = memory
        self._lengths = Lengths(database)
        self._uses = uses
        self._limits = limits
        self._proxies = Proxies(ways.trusted_proxies, ways.proxy_header)
        self._has_warned = False
        self._log = structlog.get_logger("onebucket.http").bind()
        self._repeats = Repeats(memory, versions, self._requestlog, limits, uses, lambda: self._clock(), now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        words = self._repeats.words(scope)
        if words and await self._repeats.answer(words, started, send):
            return

        headers = requests.headers(scope)
        if not self._proxies.place(scope, headers):
            words = b"" if requests.take_id(scope, headers) else words
            self._warn_of_proxy(scope, headers)
        segments, is_malformed = requests.segments(scope)
        base = self._table.base(segments)
        if base is None:
            await self._others(scope, receive, send)
            return

        request = Request(scope, requests.request_id(headers), scope["method"], segments, headers, self._clock())
        request.query, request.is_malformed, request.words = scope["query_string"], is_malformed, words
        if requests.REVISION in headers:
            requests.read_revision(request)
        try:
            answer = await self._answer(request, base, ArrivingBody(receive))
        except Disconnected:
            return
        self._requestlog.tell(request, answer, time.perf_counter() - started)
        if request.actor is not None:
            self._uses.note(request.actor, request.at, request.address)

        try:
            await self._send(request, answer, receive, send)
        finally:
            if answer.status == 401 and b"authorization" in request.headers:
                self._writer.post(lambda tx: self._attempts.sign_in_failed(tx, request))

    def close(self) -> None:
        """Ask the database nothing more."""
        self._versions.close()

    async def _send(self, request: Request, answer: Answer, receive: Receive, send: Send) -> None:
        named = (*answer.headers, (requests.REQUEST_ID, request.id.encode()))
        if request.calls_left is not None and self._limits is not None:
            named = (*named, *self._limits.near(request.calls_left))
        await send({"type": "http.response.start", "status": answer.status, "headers": named})
        if isinstance(answer.body, bytes) or request.method == "HEAD":
            body = answer.body if isinstance(answer.body, bytes) and request.method != "HEAD" else b""
            if isinstance(answer.body, Lasting):
                answer.body.close()
            await send({"type": "http.response.body", "body": body})
        else:
            try:
                await pieces.send_all(answer.body, receive, send, self._database.aside)
            except Unavailable as error:
                # It has begun already: it is cut off, so that nobody takes it for whole.
                self._log.error("unavailable", reason=str(error), request_id=request.id)
                raise

    async def _answer(self, request: Request, base: tuple[str, ...], receive: Receive) -> Answer:
        found = self._table.find(base, request.segments[len(base) :])
        route = request.route = found.methods.get("GET" if request.method == "HEAD" else request.method)
        try:
            credential = shown.credential(request, in_query=self._ways.query_token)
            proof, is_new = await self._prove(request, credential, receive)
            if route is not None and not request.reads:
                await requests.read_body(request, receive)
                shown.check_alone(request, credential)
            try:
                return await self._act(request, proof, found)
            except Unauthenticated:
                if is_new:
                    raise
            # What the proof rested on has changed, perhaps to something that the credential is good for again.
            proof, _ = await self._authentication.prove(credential, address=request.address, refused=proof)
            return await self._act(request, proof, found)
        except Disconnected:
            raise
        except Exception as error:
            said = errors.said(error, realm=self._ways.realm, exceptions=found.surface.exceptions)
            about = {"request_id": request.id, "method": request.method, "path": request.path}
            if isinstance(error, Unavailable):
                self._log.error("unavailable", reason=str(error), **about)
            elif said is None or said.status == 503:
                self._log.exception("unforeseen", **about)
            told = said or errors.internal()
            if told.status == 401 and not self._ways.query_token and shown.is_token_overlooked(request):
                told = errors.hinted(told, shown.QUERY_TOKEN_OFF)
            return self._answers.refusal(request, errors.enveloped(told) if found.surface.in_envelope else told)

    async def _prove(self, request: Request, credential: bytes | None, receive: Receive) -> tuple[Proof, bool]:
        """Who asks, and whether that was found out just now; a signed request's body is needed for that."""
        if not shown.may_be_signed(request, credential):
            shown.check_alone(request, credential)
            return await self._authentication.prove(credential, address=request.address)

        if not request.reads:
            await requests.read_body(request, receive)
        form = request.body if shown.is_form(request.headers) else b""
        message = signed.Message(request.method, request.scope, request.headers, form)
        return await self._signatures.prove(message), True

    async def _act(self, request: Request, proof: Proof, found: Found) -> Answer:
        route = request.route
        if route is not None and route.changes:
            answer, tx = await self._writer.change(
                lambda tx: (self._handling.perform(tx, request, proof, found), tx),
                refused=lambda tx, error: self._attempts.change_refused(tx, request, found, error),
            )
            return answer if tx.position is None else answer.named(requests.REVISION, str(tx.position).encode())

        is_usual = route is not None and not proof.once and not request.is_unclear
        told = await self._read_on_replica(request, proof, found) if is_usual and self.replicas.each else None
        if told is not None:
            return told
        try:
            if route is None or not is_usual or not (request.reads or route.only_reads):
                return await reading.read(self._database, lambda: self._look(request, proof, found))
            return await self._recall(request, proof, found)
        except TooMany:
            # Once more, as there is more than memory should hold.
            return await self._lengths.answer(lambda tx: self._handling.perform(tx, request, proof, found))

    async def _read_on_replica(self, request: Request, proof: Proof, found: Found) -> Answer | None:
        """The answer of a replica, which is not remembered; None where the primary has to be asked."""
        try:
            return await self.replicas.read(request.wanted, lambda tx: self._briefly(tx, request, proof, found))
        except TooMany:
            return None

    def _look(self, request: Request, proof: Proof, found: Found) -> Answer:
        """Answer what changes nothing, from the database. Raises TooMany."""
        with self._database.reading() as tx:
            return self._briefly(tx, request, proof, found)

    def _briefly(self, tx: Transaction, request: Request, proof: Proof, found: Found) -> Answer:
        """The answer, unless there is more than memory should hold. Raises TooMany."""
        tx.span = Span.BRIEF
        return self._handling.perform(tx, request, proof, found)

    async def _recall(self, request: Request, proof: Proof, found: Found) -> Answer:
        """Answer what only reads: from memory where that holds still. Raises TooMany."""
        version = await self._versions.now()
        known = self._memory.find(request, proof)
        if known is None or not known.holds(version, request.at):
            told = await reading.read(self._database, lambda: self._work_out(request, proof, found, known, version))
            if told is not known:
                self._memory.misses += 1
                self._memory.keep(request, proof, told)
                return told.answer
            self._memory.confirm(told, version)
            known = told
        else:
            request.actor = known.actor
            self._handling.count(request, known.actor)

        self._memory.hits += 1
        credential = request.headers.get(b"authorization")
        if credential is not None:
            self._repeats.keep(request, known, until=self._authentication.until(credential, proof))
        return known.answer

    def _work_out(
        self, request: Request, proof: Proof, found: Found, known: Remembered | None, version: Version
    ) -> Remembered:
        """What is to be remembered of the answer from now on: what was `known` of it, where that holds still.

        Raises TooMany.
        """
        with self._database.reading() as tx:
            actor = self._handling.let_in(tx, request, proof)
            if known is not None and known.still_holds(tx, actor):
                return known
            tx.span = Span.BRIEF
            tx.note()
            answer = self._handling.answer(tx, request, actor, found)
            return Remembered(answer, actor, version, directory.foundation(tx, [actor.id] if actor.id else []))

    def _warn_of_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not self._has_warned and self._proxies.overlooks(scope, headers):
            self._has_warned = True
            self._log.warning("a proxy that trusted_proxies doesn't name: its callers all count as one address",
                              address=scope["client"][0])  # fmt: skip
