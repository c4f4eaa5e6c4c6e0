"""What is outside the surfaces: pages, OAuth's endpoints, what machines watch, and addresses where there is nothing."""

import logging
import re

import structlog
from starlette.requests import ClientDisconnect

from onebucket.http import request
from onebucket.http.execution.body_deadline import ArrivingBody
from onebucket.http.request import Application, Receive, Scope, Send
from onebucket.http.response import Headers

# As long as a secret at the end of a link, or longer.
_SECRET = re.compile(r"[^/]{24,}")


class Fallback:
    """Passes requests on to `app`: each answer has the headers that are `always` there, a request's id, and is logged.

    An answer that names its request already has been logged by whoever made it, who knows more of it.
    """

    def __init__(self, app: Application, *, always: Headers) -> None:
        self._app = app
        self._always = always
        self._log = structlog.get_logger("onebucket.http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_on(message: Scope) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *self._always]
                if not any(name == request.REQUEST_ID_HEADER for name, _ in headers):
                    headers.append((request.REQUEST_ID_HEADER, self._log_request(scope, message["status"]).encode()))
                message = {**message, "headers": headers}
            await send(message)

        # A slash at the end makes no difference, as everywhere. What was signed is `raw_path`, which stays.
        path = scope["path"]
        inner = {**scope, "path": path[:-1]} if path.endswith("/") and path != "/" else scope
        try:
            await self._app(inner, ArrivingBody(receive), send_on)
        except ClientDisconnect:
            # There is nobody to be told anything.
            return
        except Exception:
            # Starlette has told the caller already, and lets the error through to be told here.
            self._log.exception("unforeseen", method=scope["method"], path=redacted_path(path))

    def _log_request(self, scope: Scope, status: int) -> str:
        """Log an answer; the id of its request."""
        id = request.request_id(request.headers(scope))
        told_quietly = scope["method"] in ("GET", "HEAD") and status < 400
        client = scope.get("client")
        self._log.log(
            logging.DEBUG if told_quietly else logging.INFO,
            "request",
            request_id=id,
            method=scope["method"],
            path=redacted_path(scope["path"]),
            status=status,
            address=client[0] if client else None,
        )
        return id


def redacted_path(path: str) -> str:
    """An address for the log: what may be a secret is left out of it.

    >>> redacted_path("/rest/api/1.0/projects"), redacted_path("/invitations/obp_6VbCk0aY2c1Qd0n3uXq8")
    ('/rest/api/1.0/projects', '/invitations/…')
    """
    return request.readable(_SECRET.sub("…", path).split("/")[1:])
