"""The access log: counts and logs every API response."""

import logging
from dataclasses import dataclass
from typing import Any

import structlog

from onebucket.http.errors import HINT
from onebucket.http.monitoring.metrics import Count, Metrics
from onebucket.http.request import Request
from onebucket.http.response import Response


@dataclass(slots=True, eq=False)
class LogLine:
    """What is counted and logged of a response besides its id, address and duration: the same for every repeat.

    `fields` leaves the address open; it is None when the response is only counted.
    """

    count: Count
    level: int
    fields: dict[str, Any] | None


class AccessLog:
    """Counts every response; logs changes and errors at level `info`, successful reads at level `debug`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("onebucket.http").bind()
        self._logs_every_request = self._log.is_enabled_for(logging.DEBUG)

    def line(self, request: Request, response: Response) -> LogLine:
        """Return the log record of a request and its response."""
        route = request.state.route
        count = self._metrics.counter(route.name if route else "", request.method, response.status)
        level = logging.DEBUG if request.reads and response.status < 400 else logging.INFO
        is_logged = self._logs_every_request or level != logging.DEBUG
        return LogLine(count, level, _log_fields(request, response) if is_logged else None)

    def record(self, line: LogLine, id: str, address: str | None, seconds: float) -> None:
        """Count and log one response."""
        line.count(seconds)
        if line.fields is not None:
            ms = round(seconds * 1000, 2)
            self._log.log(line.level, "request", request_id=id, ms=ms, **(line.fields | {"address": address}))


def _log_fields(request: Request, response: Response) -> dict[str, Any]:
    hint = next((value.decode() for name, value in response.headers if name == HINT), None)
    return {
        "method": request.method,
        "path": request.path,
        "status": response.status,
        "actor": request.state.actor.name if request.state.actor else None,
        "address": None,
    } | ({"hint": hint} if hint else {})
