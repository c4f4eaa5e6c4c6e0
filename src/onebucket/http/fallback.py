"""Serves requests outside the surfaces: pages, OAuth and monitoring endpoints, and unknown paths."""

import logging
import re

import structlog

from onebucket.http import request
from onebucket.http.execution.body_deadline import ArrivingBody
from onebucket.http.request import Application, Receive, Scope, Send
from onebucket.http.response import Headers
from onebucket.wire.body_reader import ClientDisconnected

# A path part of this length may be a secret of a link.
_SECRET = re.compile(r"[^/]{24,}")


class Fallback:
    """Passes requests on to `app`; adds `headers` and a request id to each response, and logs it.

    A response that already has a request id was logged, with more details, where it was made.
    """

    def __init__(self, app: Application, *, headers: Headers) -> None:
        self._app = app
        self._headers = headers
        self._log = structlog.get_logger("onebucket.http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one ASGI request."""
        body = ArrivingBody(receive)

        async def send_with_headers(message: Scope) -> None:
            if message["type"] == "http.response.start":
                await body.discard_rest(request.headers(scope))
                headers = [*message.get("headers", ()), *self._headers]
                if not any(name == request.REQUEST_ID_HEADER for name, _ in headers):
                    headers.append((request.REQUEST_ID_HEADER, self._log_request(scope, message["status"]).encode()))
                message = {**message, "headers": headers}
            await send(message)

        # A trailing slash is ignored, as everywhere. OAuth 1.0 signs `raw_path`, which stays as it is.
        path = scope["path"]
        inner = {**scope, "path": path[:-1]} if path.endswith("/") and path != "/" else scope
        try:
            await self._app(inner, body, send_with_headers)
        except ClientDisconnected:
            # The client has disconnected; there is nothing to log or send.
            return
        except Exception:
            # Starlette has already sent a 500, and raises the error again so that it can be logged.
            self._log.exception("unforeseen", method=scope["method"], path=redacted_path(path))

    def _log_request(self, scope: Scope, status: int) -> str:
        """Log a response, and return the request's id."""
        id = request.request_id(request.headers(scope))
        is_successful_read = scope["method"] in ("GET", "HEAD") and status < 400
        client = scope.get("client")
        self._log.log(
            logging.DEBUG if is_successful_read else logging.INFO,
            "request",
            request_id=id,
            method=scope["method"],
            path=redacted_path(scope["path"]),
            status=status,
            address=client[0] if client else None,
        )
        return id


def redacted_path(path: str) -> str:
    """Replace the parts of a path that may be secrets, for the log.

    >>> redacted_path("/rest/api/1.0/projects"), redacted_path("/invitations/obp_6VbCk0aY2c1Qd0n3uXq8")
    ('/rest/api/1.0/projects', '/invitations/…')
    """
    return request.readable(_SECRET.sub("…", path).split("/")[1:])
