"""The server: its parts put together, and run until it is told to stop."""

import asyncio
import logging
import os
import secrets
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from onebucket import bounds
from onebucket.domain import site_limits
from onebucket.domain.site_limits import SiteLimits
from onebucket.http import errors, gauges, openapi
from onebucket.http.app import App
from onebucket.http.auth.authentication import Authentication
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.auth.last_used import LastUsedRecorder
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.cache.response_cache import ResponseCache
from onebucket.http.execution.body_deadline import BodyTooSlow
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.fallback import Fallback
from onebucket.http.limits import counters
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring.endpoints import MonitoringEndpoints
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.oauth.endpoints import OAuthEndpoints
from onebucket.http.page_backend import PageBackend
from onebucket.http.process.listen_address import ListenAddress
from onebucket.http.response import ServerOptions
from onebucket.store.engine.database import Database
from onebucket.surfaces.extensions.git import GIT_GATE
from onebucket.surfaces.extensions.routes import EXTENSIONS
from onebucket.surfaces.routing import Surface
from onebucket.surfaces.v1.routes import V1
from onebucket.surfaces.web.core.backend import SiteInfo
from onebucket.surfaces.web.core.page_router import PageRouter

SURFACES: Sequence[Surface] = (V1, EXTENSIONS, GIT_GATE)


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """Where ids come from."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Server:
    """Everything that serves one database; `app` is an ASGI application."""

    app: App
    database: Database
    authentication: Authentication
    write_queue: WriteQueue
    last_used: LastUsedRecorder
    metrics: Metrics
    page_backend: PageBackend

    def close(self) -> None:
        """Finish what is under way, then let go of everything."""
        self.write_queue.stop()
        self.last_used.close()
        self.app.close()
        self.authentication.close()
        self.database.close()


def build(
    database: Database,
    ways: ServerOptions,
    *,
    terms: SiteLimits = site_limits.DEFAULT_LIMITS,
    metrics_token: str = "",
    demo_letters: Path | None = None,
    secret_key: bytes | None = None,
    password_grant: bool = False,
    answer_memory: int = 16,
    settings: Sequence[tuple[str, str, str]] = (),
    counts: RateLimitStore | None = None,
) -> Server:
    """Put a server together. The database must be up to date already; `demo_letters` is what the demo's page shows.

    `secret_key` is what the secrets of OAuth consumers are derived from: without one they are good until this server
    stops. `password_grant`: OAuth consumers may ask for tokens with a person's own password. `answer_memory` is in
    MiB. `settings` are those in force, for whoever runs the site. `counts` are shared by several that serve together.
    """
    writer, counts = WriteQueue(database), counts or counters.in_memory()
    guesses = LoginThrottle(ways.failures_per_address, time.monotonic, counts) if ways.failures_per_address else None
    authentication = Authentication(database, time.monotonic, guesses)
    limits = RateLimiter(ways.rate_limit, time.monotonic, counts) if ways.rate_limit else None
    memory, metrics = ResponseCache(answer_memory << 20), Metrics(counts.process_metrics)
    uses = LastUsedRecorder(database, writer)
    gauges.watch_outbox(metrics, database, utc_now, new_id)
    gauges.watch_execution(metrics, writer, authentication, memory)
    gauges.watch_rate_limits(metrics, limits, guesses)
    described = openapi.lazy_document(SURFACES, base_url=ways.base_url)
    health = MonitoringEndpoints(
        database=database,
        metrics=metrics,
        authentication=authentication,
        openapi=described,
        metrics_token=metrics_token,
        clock=utc_now,
    )
    key = secret_key or secrets.token_bytes(32)
    endpoints = OAuthEndpoints(
        database=database,
        writer=writer,
        authentication=authentication,
        ways=ways,
        terms=terms,
        key=key,
        password_grant=password_grant,
        limits=limits,
        clock=utc_now,
        new_id=new_id,
    )
    attempts, strangers = FailureAudit(new_id, counts), AnonymousLimits(terms, time.monotonic, counts)
    desk = PageBackend(
        database=database,
        writer=writer,
        authentication=authentication,
        attempts=attempts,
        limits=limits,
        strangers=strangers,
        terms=terms,
        key=key,
        clock=utc_now,
        new_id=new_id,
    )
    pages = PageRouter(desk=desk, house=SiteInfo(ways.base_url, terms.sign_up, described, demo_letters, settings))
    others = Starlette(
        routes=[*health.routes(), *endpoints.routes(), *pages.routes()],
        exception_handlers={BodyTooSlow: _too_slow},
    )
    # It would answer a slash too many with a redirect to http:// and whatever Host says.
    others.router.redirect_slashes = False
    app = App(
        database=database,
        surfaces=SURFACES,
        others=Fallback(others, always=ways.always),
        ways=ways,
        terms=terms,
        authentication=authentication,
        attempts=attempts,
        signatures=endpoints.signatures,
        writer=writer,
        memory=memory,
        uses=uses,
        limits=limits,
        metrics=metrics,
        clock=utc_now,
        now=time.monotonic,
        new_id=new_id,
    )
    gauges.watch_replicas(metrics, app.replicas)
    return Server(app, database, authentication, writer, uses, metrics, desk)


async def _too_slow(request: Request, error: Exception) -> Response:
    told = errors.to_response(error, realm="", exceptions={})
    assert told is not None
    headers = {name.decode(): value.decode() for name, value in told.headers}
    return Response(told.body, told.status, headers, told.content_type)


def run(
    server: Server,
    place: ListenAddress,
    *,
    ready: Callable[[], None],
    ended: Callable[[], None] = lambda: None,
    heard: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then for `bounds.GRACE_SECONDS` finish what is under way. Raises CannotListen.

    `ready` is called when it answers, `ended` when it does no more, before the database is closed. A worker heeds its
    parent in place of signals: each byte that comes over `heard`, and its end.
    """
    # Granian takes long to load.
    from onebucket.http.process.listener import listener

    logging.getLogger("_granian").setLevel(logging.ERROR)

    async def serve() -> None:
        granian = listener(server.app, place)
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[None] = asyncio.Queue()
        _install_signal_handlers(loop, told, heard)
        serving = loop.create_task(granian.serve())
        await _wait_until_listening(serving, place.host, place.port)
        ready()
        await _wait_for_first(serving, told.get())

        # It takes no more connections and ends when what is under way is answered. Whoever stalls is cut off in the
        # end, or as soon as it is told again.
        granian.stop()  # type: ignore[no-untyped-call]
        await _wait_for_first(serving, told.get(), seconds=bounds.GRACE_SECONDS)
        if serving.done():
            serving.result()
        else:
            # What is cut off complains about it.
            loop.set_exception_handler(lambda loop, context: None)

    if heard is None:
        place.check()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve())
    finally:
        ended()
        server.close()


def _install_signal_handlers(loop: asyncio.AbstractEventLoop, told: "asyncio.Queue[None]", heard: int | None) -> None:
    if heard is None:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, told.put_nowait, None)
        return

    def hear() -> None:
        if not os.read(heard, 1):
            loop.remove_reader(heard)
        told.put_nowait(None)

    loop.add_reader(heard, hear)


async def _wait_for_first(*waiting: Awaitable[None], seconds: float | None = None) -> None:
    """Wait until one of several things has happened, or for so long."""
    tasks = [asyncio.ensure_future(each) for each in waiting]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _wait_until_listening(serving: "asyncio.Task[None]", host: str, port: int) -> None:
    """Wait until connections are taken, or the server has given up."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where it listens, not where we bind
    while not serving.done():
        try:
            async with asyncio.timeout(bounds.LOOPBACK_SECONDS):
                _, writer = await asyncio.open_connection(local, port)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        writer.close()
        return


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
