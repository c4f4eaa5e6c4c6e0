"""The composition root: builds a server from its parts, and runs it."""

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
from onebucket.surfaces.v2.routes import V2
from onebucket.surfaces.web.core.backend import SiteInfo
from onebucket.surfaces.web.core.page_router import PageRouter

SURFACES: Sequence[Surface] = (V1, V2, EXTENSIONS, GIT_GATE)


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Make a random UUID."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of a server for one database; `app` is the ASGI application."""

    app: App
    database: Database
    authentication: Authentication
    write_queue: WriteQueue
    last_used: LastUsedRecorder
    metrics: Metrics
    page_backend: PageBackend

    def close(self) -> None:
        """Finish the queued changes, then close everything."""
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
    """Build a server. The database must already be migrated to the current schema.

    `secret_key` derives the secrets of OAuth consumers; without one they change with every start. `password_grant`
    lets OAuth consumers use the resource owner password grant. `answer_memory` is the size of the response cache in
    MiB. `settings` are the current settings, shown to site administrators. `counts` are the counters that workers
    share. `demo_letters` is the folder whose letters the demo's page shows.
    """
    writer, counts = WriteQueue(database), counts or counters.in_memory()
    login_throttle = (
        LoginThrottle(ways.failures_per_address, time.monotonic, counts) if ways.failures_per_address else None
    )
    authentication = Authentication(database, time.monotonic, login_throttle)
    limits = RateLimiter(ways.rate_limit, time.monotonic, counts) if ways.rate_limit else None
    cache, metrics = ResponseCache(answer_memory << 20), Metrics(counts.process_metrics)
    last_used = LastUsedRecorder(database, writer)
    gauges.watch_outbox(metrics, database, utc_now, new_id)
    gauges.watch_execution(metrics, writer, authentication, cache)
    gauges.watch_rate_limits(metrics, limits, login_throttle)
    openapi_document = openapi.lazy_document(SURFACES, base_url=ways.base_url)
    monitoring = MonitoringEndpoints(
        database=database,
        metrics=metrics,
        authentication=authentication,
        openapi=openapi_document,
        metrics_token=metrics_token,
        clock=utc_now,
    )
    key = secret_key or secrets.token_bytes(32)
    oauth = OAuthEndpoints(
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
    failure_audit, anonymous_limits = FailureAudit(new_id, counts), AnonymousLimits(terms, time.monotonic, counts)
    page_backend = PageBackend(
        database=database,
        writer=writer,
        authentication=authentication,
        attempts=failure_audit,
        limits=limits,
        strangers=anonymous_limits,
        terms=terms,
        key=key,
        clock=utc_now,
        new_id=new_id,
    )
    pages = PageRouter(
        desk=page_backend, house=SiteInfo(ways.base_url, terms.sign_up, openapi_document, demo_letters, settings)
    )
    other_routes = Starlette(
        routes=[*monitoring.routes(), *oauth.routes(), *pages.routes()],
        exception_handlers={BodyTooSlow: _too_slow},
    )
    # Starlette's redirect for a trailing slash would go to http:// and any Host that the client sends.
    other_routes.router.redirect_slashes = False
    app = App(
        database=database,
        surfaces=SURFACES,
        others=Fallback(other_routes, always=ways.always),
        ways=ways,
        terms=terms,
        authentication=authentication,
        attempts=failure_audit,
        signatures=oauth.signatures,
        writer=writer,
        memory=cache,
        uses=last_used,
        limits=limits,
        metrics=metrics,
        clock=utc_now,
        now=time.monotonic,
        new_id=new_id,
    )
    gauges.watch_replicas(metrics, app.replicas)
    return Server(app, database, authentication, writer, last_used, metrics, page_backend)


async def _too_slow(request: Request, error: Exception) -> Response:
    response = errors.to_response(error, realm="", exceptions={})
    assert response is not None
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return Response(response.body, response.status, headers, response.content_type)


def run(
    server: Server,
    place: ListenAddress,
    *,
    ready: Callable[[], None],
    ended: Callable[[], None] = lambda: None,
    heard: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish open requests for `bounds.GRACE_SECONDS`. Raises CannotListen.

    `ready` is called when the server accepts connections, `ended` when it has stopped, before the database is closed.
    A worker obeys its parent instead of signals: `heard` is a file descriptor on which each byte, and end of file,
    counts as a signal.
    """
    # Importing Granian takes long.
    from onebucket.http.process.listener import listener

    logging.getLogger("_granian").setLevel(logging.ERROR)

    async def serve() -> None:
        granian = listener(server.app, place)
        loop = asyncio.get_running_loop()
        stop_requests: asyncio.Queue[None] = asyncio.Queue()
        _install_signal_handlers(loop, stop_requests, heard)
        serving = loop.create_task(granian.serve())
        await _wait_until_listening(serving, place.host, place.port)
        ready()
        await _wait_for_first(serving, stop_requests.get())

        # Granian now accepts no connections, and ends when open requests are answered. What is left is cut off after
        # the grace period or at a second signal.
        granian.stop()  # type: ignore[no-untyped-call]
        await _wait_for_first(serving, stop_requests.get(), seconds=bounds.GRACE_SECONDS)
        if serving.done():
            serving.result()
        else:
            # Connections that are cut off would log errors.
            loop.set_exception_handler(lambda loop, context: None)

    if heard is None:
        place.check()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve())
    finally:
        ended()
        server.close()


def _install_signal_handlers(
    loop: asyncio.AbstractEventLoop, stop_requests: "asyncio.Queue[None]", heard: int | None
) -> None:
    if heard is None:
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop_signal, stop_requests.put_nowait, None)
        return

    def on_readable() -> None:
        if not os.read(heard, 1):
            loop.remove_reader(heard)
        stop_requests.put_nowait(None)

    loop.add_reader(heard, on_readable)


async def _wait_for_first(*waiting: Awaitable[None], seconds: float | None = None) -> None:
    """Wait until the first of several awaitables is done, or until the timeout."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in waiting]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _wait_until_listening(serving: "asyncio.Task[None]", host: str, port: int) -> None:
    """Wait until the server accepts connections, or has failed."""
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
