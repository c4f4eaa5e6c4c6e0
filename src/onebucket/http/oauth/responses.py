"""Responses of the OAuth endpoints: JSON documents, and the errors of OAuth 1 and OAuth 2."""

from typing import Any

import msgspec
from starlette.responses import Response

from onebucket.domain.refusals import Refusal, TooManyRequests
from onebucket.http import errors
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.surfaces.core.errors import PLAIN
from onebucket.surfaces.core.plain_text_errors import STANDARD_TEXTS

HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff"}
JSON = "application/json"


def json_response(status: int, body: Any, headers: dict[str, str]) -> Response:
    """A JSON response that may not be cached."""
    return Response(msgspec.json.encode(body), status, headers | HEADERS, JSON)


def oauth2_error(status: int, error: str, sentence: str, *, retry_after: int = 0) -> Response:
    """A JSON error as OAuth 2 defines it: `error` and `error_description` (RFC 6749, 5.2)."""
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return json_response(status, {"error": error, "error_description": sentence}, headers)


def text_response(status: int, sentence: str) -> Response:
    """A plain-text error in the API's form: `Bad Request: the sentence.`"""
    return Response(f"{STANDARD_TEXTS[status]}: {sentence}.", status, HEADERS, PLAIN)


def error_response(error: Exception) -> Response:
    """The plain-text response to an error; raises errors that have no status again."""
    status = errors.status_of(error)
    if status is None:
        raise error
    response = text_response(status, error.sentence if isinstance(error, Refusal) else str(error))
    if isinstance(error, TooManyRequests | DatabaseUnavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def json_error_response(error: Exception) -> Response:
    """The OAuth 2 JSON response to an error; raises errors that have no status again."""
    status = errors.status_of(error)
    if status is None:
        raise error
    retry_after = getattr(error, "retry_after", 0)
    sentence = STANDARD_TEXTS[status] if isinstance(error, TooManyRequests) else str(error)
    return oauth2_error(
        status, "temporarily_unavailable" if retry_after else "invalid_request", sentence, retry_after=retry_after
    )


def is_unavailable(error: Exception) -> bool:
    """Whether a request that fails with this error may succeed later."""
    return errors.status_of(error) == 503


def not_signed() -> Response:
    """The 401 to a request without a valid OAuth 1 signature."""
    return Response("Unauthorized", 401, {**HEADERS, "WWW-Authenticate": "OAuth"}, PLAIN)
