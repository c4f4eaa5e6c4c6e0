"""The composition root: builds every part of a server, and hands each the parts that it uses."""

import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from onebucket import hashing
from onebucket.actions import ends
from onebucket.actions.mirror_overview import KnownMirrors
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.sign_in_providers import SignInProvider
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits
from onebucket.http import errors, gauges, openapi
from onebucket.http.app import App, Recorders
from onebucket.http.auth.authentication import Authentication
from onebucket.http.auth.failed_attempts import FailureAudit
from onebucket.http.auth.last_used import LastUsedRecorder
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.auth.oauth1_signature import SignatureVerifier
from onebucket.http.auth.provider_flow import ProviderFlow
from onebucket.http.cache.data_version import DataVersion
from onebucket.http.cache.response_cache import ResponseCache
from onebucket.http.dispatch import Dispatcher
from onebucket.http.execution.long_response import LongResponses
from onebucket.http.execution.replica_router import ReplicaRouter
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.fallback import Fallback
from onebucket.http.limits import counters
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring.access_log import AccessLog
from onebucket.http.monitoring.endpoints import MonitoringEndpoints
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.monitoring.shared_metrics import ProcessMetrics
from onebucket.http.oauth.endpoints import OAuthEndpoints
from onebucket.http.oauth.provider_logout import ProviderLogout
from onebucket.http.options import ServerOptions
from onebucket.http.page_backend import PageBackend
from onebucket.http.read_handler import ReadHandler
from onebucket.http.response import ResponseBuilder
from onebucket.http.services import Services
from onebucket.store.engine.database import Database
from onebucket.surfaces.core.plain_text_errors import PlainTextErrors
from onebucket.surfaces.core.router import Router
from onebucket.surfaces.core.surface import Surface
from onebucket.surfaces.extensions.git import GIT_GATE
from onebucket.surfaces.extensions.routes import EXTENSIONS
from onebucket.surfaces.scim.routes import SCIM
from onebucket.surfaces.v1.routes import V1
from onebucket.surfaces.v2.routes import V2
from onebucket.surfaces.web.core.backend import SiteInfo
from onebucket.surfaces.web.core.page_router import PageRouter

SURFACES: Sequence[Surface] = (V1, V2, EXTENSIONS, GIT_GATE, SCIM)


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Make a random UUID."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The parts of a server for one database; `app` is the ASGI application."""

    app: App
    services: Services
    cache: ResponseCache
    recorders: Recorders
    replicas: ReplicaRouter
    long_responses: LongResponses
    metrics: Metrics

    def close(self) -> None:
        """Finish the queued changes, then close everything."""
        self.stop()
        self.services.database.close()

    def stop(self) -> None:
        """Finish the queued changes, and end everything but the database."""
        self.services.write_queue.stop()
        self.recorders.last_used.close()
        self.cache.close()
        self.services.authentication.close()


def build(
    database: Database,
    options: ServerOptions,
    *,
    site_limits: SiteLimits = DEFAULT_LIMITS,
    secret_key: bytes | None = None,
    demo_letters: Path | None = None,
    settings: Sequence[tuple[str, str, str]] = (),
    mirrors: Sequence[MirrorDefinition] = (),
    counts: RateLimitStore | None = None,
    process_metrics: ProcessMetrics | None = None,
    surfaces: Sequence[Surface] = SURFACES,
    providers: Sequence[SignInProvider] = (),
    clock: Callable[[], datetime] = utc_now,
    now: Callable[[], float] = time.monotonic,
    new_id: Callable[[], str] = new_id,
    new_secret: Callable[[], str] = hashing.new_secret,
) -> Server:
    """Build a server. The database must already be migrated to the current schema.

    `secret_key` derives the secrets of OAuth consumers; without one they change with every start. `settings` are the
    current settings, shown to site administrators, `mirrors` those of `onebucket.toml`. `counts` are the counters that
    workers share, `process_metrics` this worker's row of the metrics that they share. `surfaces` are the APIs that it
    serves, `providers` those that people sign in with. `demo_letters` is the folder whose letters the demo's page
    shows.
    """
    database.use_ends(ends.applied_by(clock, time.monotonic, new_id, site_limits))
    counts = counts or counters.in_memory()
    per_address = options.failures_per_address
    login_throttle = LoginThrottle(per_address, now, counts) if per_address else None
    services = Services(
        database=database,
        write_queue=WriteQueue(database),
        authentication=Authentication(database, now, login_throttle, site_limits=site_limits),
        rate_limiter=RateLimiter(options.rate_limit, now, counts) if options.rate_limit else None,
        options=options,
        site_limits=site_limits,
        secret_key=secret_key or secrets.token_bytes(32),
        clock=clock,
        now=now,
        new_id=new_id,
        new_secret=new_secret,
    )
    metrics, replicas = Metrics(process_metrics), ReplicaRouter(database, now)
    recorders = Recorders(
        AccessLog(metrics), FailureAudit(new_id, counts), LastUsedRecorder(database, services.write_queue)
    )
    cache = ResponseCache(options.answer_memory << 20, DataVersion(database), now)
    anonymous_limits = AnonymousLimits(site_limits, now, counts)
    gauges.watch(metrics, services, cache, login_throttle, anonymous_limits, replicas)

    signatures = SignatureVerifier(
        database=database,
        write_queue=services.write_queue,
        key=services.secret_key,
        base_url=options.base_url,
        clock=clock,
    )
    openapi_document = openapi.lazy_document(surfaces, base_url=options.base_url)
    monitoring = MonitoringEndpoints(services, metrics, openapi_document)
    provider_flow = ProviderFlow(
        providers, base_url=options.base_url, key=services.secret_key, clock=clock, now=now, new_secret=new_secret
    )
    page_backend = PageBackend(services, recorders.failure_audit, anonymous_limits, provider_flow)
    site = SiteInfo(
        options.base_url,
        site_limits.sign_up,
        openapi_document,
        demo_letters,
        settings,
        options.rate_limit,
        wants_factors=site_limits.second_factor != "optional",
        providers={provider.name: provider.label for provider in providers},
        group_providers=tuple(provider.name for provider in providers if provider.groups_claim),
        passwords=site_limits.passwords,
        mirrors=KnownMirrors(mirrors),
    )
    pages = PageRouter(backend=page_backend, site=site)
    routes = [
        *monitoring.routes(),
        *OAuthEndpoints(services, signatures).routes(),
        *ProviderLogout(services, provider_flow).routes(),
        *pages.routes(),
    ]
    fallback = _starlette(routes, not_found=pages.not_found)
    responses, long_responses = ResponseBuilder(options), LongResponses(database)
    dispatcher = Dispatcher(services, responses)
    reads = ReadHandler(
        services,
        dispatcher=dispatcher,
        cache=cache,
        replicas=replicas,
        long_responses=long_responses,
        access_log=recorders.access_log,
    )
    app = App(
        services,
        router=Router(surfaces),
        fallback=Fallback(fallback, headers=options.common_headers),
        dispatcher=dispatcher,
        responses=responses,
        signatures=signatures,
        cache=cache,
        reads=reads,
        recorders=recorders,
    )
    return Server(
        app=app,
        services=services,
        cache=cache,
        recorders=recorders,
        replicas=replicas,
        long_responses=long_responses,
        metrics=metrics,
    )


def _starlette(
    routes: Sequence[BaseRoute], *, not_found: Callable[[Request, Exception], Awaitable[Response]]
) -> Starlette:
    """Make the application for everything outside the surfaces."""
    starlette = Starlette(routes=routes, exception_handlers={errors.BodyTooSlow: _too_slow, 404: not_found})
    # Starlette's redirect for a trailing slash would go to http:// and any Host that the client sends.
    starlette.router.redirect_slashes = False
    return starlette


async def _too_slow(request: Request, error: Exception) -> Response:
    response = errors.to_response(error, realm="", style=PlainTextErrors())
    assert response is not None
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return Response(response.body, response.status, headers, response.content_type)
