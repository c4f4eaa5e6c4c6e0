"""What is told of each answer: counted for `/metrics`, and logged."""

import logging
from collections.abc import Callable
from typing import Any

import structlog

from onebucket.http.errors import HINT
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.request import Request
from onebucket.http.response import Response

# Hears of one more answer: the request's id, and how many seconds it took.
RecordResponse = Callable[[str, float], None]


class AccessLog:
    """Counts every answer, and logs those that changed or refused something; with the level `debug`, all of them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("onebucket.http").bind()
        self._logs_every_request = self._log.is_enabled_for(logging.DEBUG)

    def record(self, request: Request, answer: Response, seconds: float) -> None:
        """Tell of one answer."""
        self._counter(request, answer)(seconds)
        told_quietly = request.reads and answer.status < 400
        if self._logs_every_request or not told_quietly:
            level = logging.DEBUG if told_quietly else logging.INFO
            facts = _log_fields(request, answer)
            self._log.log(level, "request", request_id=request.id, ms=round(seconds * 1000, 2), **facts)

    def recorder_for(self, request: Request, answer: Response) -> RecordResponse:
        """What tells of more answers like this one, which only reads."""
        count = self._counter(request, answer)
        if not self._logs_every_request:
            return lambda id, seconds: count(seconds)
        facts = _log_fields(request, answer)

        def tell(id: str, seconds: float) -> None:
            count(seconds)
            self._log.debug("request", request_id=id, ms=round(seconds * 1000, 2), **facts)

        return tell

    def _counter(self, request: Request, answer: Response) -> Callable[[float], None]:
        name = request.route.name if request.route else ""
        return self._metrics.counter(name, request.method, answer.status)


def _log_fields(request: Request, answer: Response) -> dict[str, Any]:
    hint = next((value.decode() for name, value in answer.headers if name == HINT), None)
    return {
        "method": request.method,
        "path": request.path,
        "status": answer.status,
        "actor": request.actor.name if request.actor else None,
        "address": request.address,
    } | ({"hint": hint} if hint else {})
