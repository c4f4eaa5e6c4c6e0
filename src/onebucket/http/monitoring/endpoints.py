"""The endpoints for monitoring: liveness, readiness, metrics, and the OpenAPI document."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import TooManyRequests, Unauthenticated
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.execution import read_runner
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.services import Services
from onebucket.store import schema
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class MonitoringEndpoints:
    """`/healthz`, `/readyz`, `/metrics` and `/openapi.json`.

    `/metrics` needs `options.metrics_token` as a Bearer token, or the unscoped credential of a site administrator.
    """

    def __init__(self, services: Services, metrics: Metrics, openapi: Callable[[], Mapping[str, Any]]) -> None:
        self._database = services.database
        self._metrics = metrics
        self._authentication = services.authentication
        self._openapi_document = openapi
        self._openapi = b""
        self._token = services.options.metrics_token.encode()
        self._clock = services.clock

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/healthz": self.liveness,
            "/readyz": self.readiness,
            "/metrics": self.metrics,
            "/openapi.json": self.openapi,
        }
        return [Route(path, endpoint, methods=["GET"]) for path, endpoint in endpoints.items()]

    async def liveness(self, request: Request) -> Response:
        """Answer 200; the process is alive."""
        return PlainTextResponse("OK", headers=_HEADERS)

    async def readiness(self, request: Request) -> Response:
        """Answer 200 when the database is available at the schema version of this release, otherwise 503."""
        try:
            version = await read_runner.read(self._database, lambda: schema.version(self._database))
        except (DatabaseUnusable, DatabaseUnavailable) as error:
            return PlainTextResponse(f"Service Unavailable: {error}.", 503, headers=_HEADERS)
        if version != schema.HEAD:
            return PlainTextResponse(
                f"Service Unavailable: the database is at schema {version}, not {schema.HEAD}.", 503, headers=_HEADERS
            )
        return PlainTextResponse("OK", headers=_HEADERS)

    async def metrics(self, request: Request) -> Response:
        """Answer with the metrics in the Prometheus text format; 401 without a right to see them."""
        try:
            may_see = await self._may_see_metrics(request)
        except DatabaseUnavailable as error:
            return PlainTextResponse(f"Service Unavailable: {error}.", 503, headers=_HEADERS)
        if not may_see:
            headers = {**_HEADERS, "WWW-Authenticate": 'Basic realm="onebucket metrics"'}
            return PlainTextResponse("Unauthorized", 401, headers=headers)
        # Some metrics are read from the database.
        exposition = await read_runner.read(self._database, self._metrics.exposition)
        return Response(exposition, media_type="text/plain; version=0.0.4; charset=utf-8", headers=_HEADERS)

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document."""
        self._openapi = self._openapi or msgspec.json.encode(self._openapi_document())
        return Response(self._openapi, media_type="application/json", headers={"X-Content-Type-Options": "nosniff"})

    async def _may_see_metrics(self, request: Request) -> bool:
        header = request.headers.get("authorization", "").encode("latin-1")
        if self._token and secrets.compare_digest(header, b"Bearer " + self._token):
            return True
        address = request.client.host if request.client else None
        try:
            verified, _ = await self._authentication.authenticate(header or None, address=address)
            actor = await read_runner.read(self._database, lambda: self._actor(verified))
        except (Unauthenticated, TooManyRequests):
            return False
        return actor.is_site_admin and actor.scopes is None

    def _actor(self, verified: VerifiedCredential) -> Actor:
        with self._database.reading() as tx:
            return self._authentication.actor(tx, verified, self._clock())
