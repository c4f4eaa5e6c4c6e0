"""From request to answer, the same for every surface: who asks, what is there, in which format, then the work."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import structlog

from onebucket import hashing
from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import Gone, Invalid, LacksScope, NotFound, Unauthenticated
from onebucket.domain.terms import Terms
from onebucket.http import errors, pieces, reading, requests, shown, signed
from onebucket.http.answers import Answer, Answers, Ways
from onebucket.http.attempts import Attempts
from onebucket.http.authn import Authentication, Proof
from onebucket.http.errors import MethodNotAllowed, TooLarge
from onebucket.http.limits import Limits
from onebucket.http.memory import Memory, Remembered
from onebucket.http.metrics import Metrics
from onebucket.http.peers import Proxies
from onebucket.http.repeats import Repeats
from onebucket.http.requestlog import RequestLog
from onebucket.http.requests import Application, Disconnected, Receive, Request, Scope, Send
from onebucket.http.signed import Signatures
from onebucket.http.uses import Uses
from onebucket.http.writer import Writer
from onebucket.store.database import Database, Transaction, Unavailable
from onebucket.surfaces.routing import Ask, Found, Surface, Table
from onebucket.wire import bodies


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
        self._table = Table(surfaces)
        self._others = others
        self._ways = ways
        self._terms = terms
        self._answers = Answers(ways)
        self._authentication = authentication
        self._attempts = attempts
        self._signatures = signatures
        self._writer = writer
        self._requestlog = RequestLog(metrics)
        self._clock = clock
        self._new_id = new_id
        self._new_secret = hashing.new_secret
        self._memory = memory
        self._uses = uses
        self._limits = limits
        self._proxies = Proxies(ways.trusted_proxies)
        self._has_warned = False
        self._log = structlog.get_logger("onebucket.http").bind()
        # Where the database has to be waited for, asking whether it has changed is the dearest part of an answer.
        is_near = database.readers is None
        self._repeats = Repeats(memory, self._requestlog, limits, uses, lambda: self._clock(), now) if is_near else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        words = self._repeats.words(scope) if self._repeats is not None else b""
        if words and self._repeats is not None and await self._repeats.answer(words, started, send):
            return

        headers = requests.headers(scope)
        if not self._proxies.place(scope, headers) and not self._has_warned:
            self._warn_of_proxy(scope, headers)
        segments, is_malformed = requests.segments(scope)
        base = self._table.base(segments)
        if base is None:
            await self._pass_on(scope, receive, send)
            return

        request = Request(scope, requests.request_id(headers), scope["method"], segments, headers, self._clock())
        request.query, request.is_malformed, request.words = scope["query_string"], is_malformed, words
        try:
            answer = await self._answer(request, base, receive)
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

    async def _send(self, request: Request, answer: Answer, receive: Receive, send: Send) -> None:
        named = (*answer.headers, (requests.REQUEST_ID, request.id.encode()))
        if request.calls_left is not None and self._limits is not None:
            named = (*named, *self._limits.near(request.calls_left))
        await send({"type": "http.response.start", "status": answer.status, "headers": named})
        if isinstance(answer.body, bytes) or request.method == "HEAD":
            body = answer.body if isinstance(answer.body, bytes) and request.method != "HEAD" else b""
            await send({"type": "http.response.body", "body": body})
        else:
            await pieces.send_all(answer.body, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._others(scope, receive, send)
        except Exception:
            # Starlette has told the caller already, and lets the error through to be told here.
            # Of the address only its beginning: what follows may be a token.
            self._log.exception("unforeseen", method=scope["method"], path=quote(scope["path"].split("/")[1][:64]))

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
            return self._answers.refusal(request, said or errors.internal())

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
        if request.route is None or not request.route.changes:
            return await reading.read(self._database, lambda: self._look(request, proof, found))
        return await self._writer.change(
            lambda tx: self._perform(tx, request, proof, found),
            refused=lambda tx, error: self._attempts.change_refused(tx, request, found, error),
        )

    def _look(self, request: Request, proof: Proof, found: Found) -> Answer:
        """Answer what changes nothing: from memory, or from the database."""
        asks = request.route is not None and (request.reads or request.route.only_reads)
        if not asks or proof.once:
            with self._database.reading() as tx:
                return self._perform(tx, request, proof, found)

        remembered, version = self._memory.recall(request, proof, request.at)
        if remembered is not None:
            request.actor = remembered.actor
            self._count(request, remembered.actor)
            self._keep_words(request, proof, remembered)
            return remembered.answer
        with self._database.reading() as tx:
            answer = self._perform(tx, request, proof, found)
        if request.actor is not None:
            self._memory.keep(request, proof, answer, request.actor, version=version)
        return answer

    def _keep_words(self, request: Request, proof: Proof, recalled: Remembered) -> None:
        credential = request.headers.get(b"authorization")
        if self._repeats is not None and credential is not None:
            self._repeats.keep(request, recalled, until=self._authentication.until(credential, proof))

    def _perform(self, tx: Transaction, request: Request, proof: Proof, found: Found) -> Answer:
        """Everything in the order of refusals: 401, the address, the format, the body, the rules (spec 1.9)."""
        actor = request.actor = self._authentication.actor(tx, proof, request.at)
        self._count(request, actor)
        if request.is_malformed:
            raise Invalid("the address is not valid UTF-8, or it holds control characters")
        route = request.route
        if route is None:
            return self._without_route(request, found)
        if actor.scopes is not None and route.scope not in domain.reach(actor.scopes):
            raise LacksScope(required=[route.scope], granted=actor.scopes)

        query = bodies.query(request.query)
        manner = self._answers.manner(request, query)
        if request.is_too_large:
            raise TooLarge

        work = Work(actor, tx, request.at, request.id, self._new_id, request.address, self._terms)
        ask = Ask(
            found.words,
            query,
            request.body,
            request.content_type,
            self._ways.base_url,
            self._new_secret,
            request.heeded,
            self._ways.amsterdam_times,
            self._ways.emails_in_paths,
        )
        return self._answers.entity(request, route.handler(work, ask), manner)

    def _without_route(self, request: Request, found: Found) -> Answer:
        if found.removed is not None and not (found.methods and request.method == "OPTIONS"):
            raise Gone(found.removed.detail)
        if not found.methods:
            raise NotFound("there is nothing at this address; /openapi.json lists what there is")

        allow = ", ".join(sorted({*found.methods, "OPTIONS"} | ({"HEAD"} if "GET" in found.methods else set())))
        if request.method != "OPTIONS":
            raise MethodNotAllowed(allow)
        return self._answers.empty(request, (b"allow", allow.encode()))

    def _warn_of_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if self._proxies.overlooks(scope, headers):
            self._has_warned = True
            self._log.warning("a proxy that trusted_proxies doesn't name: its callers all count as one address",
                              address=scope["client"][0])  # fmt: skip

    def _count(self, request: Request, actor: Actor) -> None:
        """Count a call of somebody's. Raises Overloaded."""
        if self._limits is None or actor.id is None or (request.route is not None and not request.route.counts):
            return
        # What was interrupted is done once more; it is one call nevertheless, and one that was refused stays so.
        if request.is_counted:
            return
        request.calls_left = 0
        request.calls_left = self._limits.take(actor.id)
        request.is_counted = True
