"""What OAuth's endpoints reply: documents, and refusals in the words of both versions."""

from typing import Any

import msgspec
from starlette.responses import Response

from onebucket.domain.refusals import Refusal, TooManyRequests
from onebucket.http import errors
from onebucket.store.engine.database import DatabaseUnavailable

HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff"}
JSON = "application/json"


def json_response(status: int, body: Any, headers: dict[str, str]) -> Response:
    """A document, which nobody keeps."""
    return Response(msgspec.json.encode(body), status, headers | HEADERS, JSON)


def oauth1_problem(status: int, error: str, sentence: str, *, retry_after: int = 0) -> Response:
    """A refusal in OAuth 2's words."""
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return json_response(status, {"error": error, "error_description": sentence}, headers)


def text_response(status: int, sentence: str) -> Response:
    """A refusal as the API writes it."""
    return Response(f"{errors.STANDARD_TEXTS[status]}: {sentence}.", status, HEADERS, errors.PLAIN)


def error_response(error: Exception) -> Response:
    """What is told of an error; one that nobody foresaw is raised again."""
    status = errors.status_of(error)
    if status is None:
        raise error
    answer = text_response(status, error.sentence if isinstance(error, Refusal) else str(error))
    if isinstance(error, TooManyRequests | DatabaseUnavailable):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def json_error_response(error: Exception) -> Response:
    """The same in the words of OAuth 2."""
    status = errors.status_of(error)
    if status is None:
        raise error
    retry_after = getattr(error, "retry_after", 0)
    sentence = errors.STANDARD_TEXTS[status] if isinstance(error, TooManyRequests) else str(error)
    return oauth1_problem(
        status, "temporarily_unavailable" if retry_after else "invalid_request", sentence, retry_after=retry_after
    )


def not_signed() -> Response:
    """A request that is not signed, or not rightly."""
    return Response("Unauthorized", 401, {**HEADERS, "WWW-Authenticate": "OAuth"}, errors.PLAIN)
