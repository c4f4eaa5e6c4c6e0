"""From request to answer, the same for every surface: who asks, what is there, in which format, then the work."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.refusals import Gone, Invalid, LacksScope, NotFound
from onebucket.http import errors, requests
from onebucket.http.answers import Answer, Answers, Ways
from onebucket.http.authn import Authentication, Proof
from onebucket.http.errors import MethodNotAllowed, TooLarge
from onebucket.http.metrics import Metrics
from onebucket.http.requests import Application, Disconnected, Receive, Request, Scope, Send
from onebucket.http.writer import Writer
from onebucket.store.database import Database, Transaction
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
        authentication: Authentication,
        writer: Writer,
        metrics: Metrics,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._table = Table(surfaces)
        self._others = others
        self._ways = ways
        self._answers = Answers(ways)
        self._authentication = authentication
        self._writer = writer
        self._metrics = metrics
        self._clock = clock
        self._new_id = new_id
        self._log = structlog.get_logger("onebucket.http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        segments, is_malformed = requests.segments(scope)
        base = self._table.base(segments)
        if base is None:
            await self._others(scope, receive, send)
            return

        started = time.perf_counter()
        headers = dict(scope["headers"])
        request = Request(
            scope=scope,
            id=requests.request_id(headers),
            method=scope["method"],
            segments=segments,
            headers=headers,
            at=self._clock(),
            is_malformed=is_malformed,
        )
        try:
            answer = await self._answer(request, base, receive)
        except Disconnected:
            return
        self._tell(request, answer, time.perf_counter() - started)

        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else answer.body})

    async def _answer(self, request: Request, base: tuple[str, ...], receive: Receive) -> Answer:
        found = self._table.find(base, request.segments[len(base) :])
        route = request.route = found.methods.get("GET" if request.method == "HEAD" else request.method)
        try:
            proof = await self._authentication.prove(request.headers.get(b"authorization"))
            if route is None or not route.changes:
                with self._database.reading() as tx:
                    return self._perform(tx, request, proof, found)
            await requests.read_body(request, receive)
            return await self._writer.change(lambda tx: self._perform(tx, request, proof, found))
        except Disconnected:
            raise
        except Exception as error:
            said = errors.said(error, realm=self._ways.realm, exceptions=found.surface.exceptions)
            if said is None or said.status == 503:
                self._log.exception("unforeseen", request_id=request.id, method=request.method, path=request.path)
            return self._answers.refusal(request, said or errors.internal())

    def _perform(self, tx: Transaction, request: Request, proof: Proof, found: Found) -> Answer:
        """Everything in the order of refusals: 401, the address, the format, the body, the rules (spec 1.9)."""
        actor = request.actor = self._authentication.actor(tx, proof, request.at)
        if request.is_malformed:
            raise Invalid("the address is not valid UTF-8, or it holds control characters")
        route = request.route
        if route is None:
            return self._without_route(request, found)
        if actor.scopes is not None and route.scope not in domain.reach(actor.scopes):
            raise LacksScope(required=[route.scope], granted=actor.scopes)

        query = bodies.query(request.scope["query_string"])
        manner = self._answers.manner(request, query)
        if request.is_too_large:
            raise TooLarge

        work = Work(actor, tx, request.at, request.id, self._new_id, request.address)
        ask = Ask(found.words, query, request.body, request.content_type, self._ways.base_url)
        return self._answers.entity(request, route.handler(work, ask), manner)

    def _without_route(self, request: Request, found: Found) -> Answer:
        if found.removed is not None:
            raise Gone(found.removed.detail)
        if not found.methods:
            raise NotFound("there is nothing at this address; /openapi.json lists what there is")

        allow = ", ".join(sorted({*found.methods, "OPTIONS"} | ({"HEAD"} if "GET" in found.methods else set())))
        if request.method != "OPTIONS":
            raise MethodNotAllowed(allow)
        return self._answers.empty(request, (b"allow", allow.encode()))

    def _tell(self, request: Request, answer: Answer, seconds: float) -> None:
        name = request.route.name if request.route else ""
        self._metrics.count(name, request.method, answer.status, seconds)
        tell = self._log.debug if request.reads and answer.status < 400 else self._log.info
        tell(
            "request",
            request_id=request.id,
            method=request.method,
            path=request.path,
            status=answer.status,
            actor=request.actor.name if request.actor else None,
            address=request.address,
            ms=round(seconds * 1000, 2),
        )
