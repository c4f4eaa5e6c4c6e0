"""The access log: counts and logs every API response."""

import logging
from collections.abc import Callable
from typing import Any

import structlog

from onebucket.http.errors import HINT
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.request import Request
from onebucket.http.response import Response

# Records one more response: the request id, and the duration in seconds.
RecordResponse = Callable[[str, float], None]


class AccessLog:
    """Counts every response; logs changes and errors at level `info`, successful reads at level `debug`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("onebucket.http").bind()
        self._logs_every_request = self._log.is_enabled_for(logging.DEBUG)

    def record(self, request: Request, response: Response, seconds: float) -> None:
        """Count and log one response."""
        self._counter(request, response)(seconds)
        is_successful_read = request.reads and response.status < 400
        if self._logs_every_request or not is_successful_read:
            level = logging.DEBUG if is_successful_read else logging.INFO
            log_fields = _log_fields(request, response)
            self._log.log(level, "request", request_id=request.id, ms=round(seconds * 1000, 2), **log_fields)

    def recorder_for(self, request: Request, response: Response) -> RecordResponse:
        """Return a function that records repeats of a cached response to a read; it computes the log fields once."""
        count = self._counter(request, response)
        if not self._logs_every_request:
            return lambda id, seconds: count(seconds)
        log_fields = _log_fields(request, response)

        def record(id: str, seconds: float) -> None:
            count(seconds)
            self._log.debug("request", request_id=id, ms=round(seconds * 1000, 2), **log_fields)

        return record

    def _counter(self, request: Request, response: Response) -> Callable[[float], None]:
        name = request.route.name if request.route else ""
        return self._metrics.counter(name, request.method, response.status)


def _log_fields(request: Request, response: Response) -> dict[str, Any]:
    hint = next((value.decode() for name, value in response.headers if name == HINT), None)
    return {
        "method": request.method,
        "path": request.path,
        "status": response.status,
        "actor": request.actor.name if request.actor else None,
        "address": request.address,
    } | ({"hint": hint} if hint else {})
