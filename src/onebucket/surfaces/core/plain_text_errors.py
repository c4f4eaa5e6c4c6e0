"""Error bodies as API 1.0 has them: one line of plain text, and a JSON envelope for two of them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from onebucket.domain import refusals
from onebucket.surfaces.core.errors import JSON, LACKS_SCOPES, PLAIN, ErrorBody, Problem
from onebucket.wire.formats import UnknownFormat

# The standard texts (contract/formats.md#e1, #e4).
STANDARD_TEXTS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict/Duplicate",
    410: "Gone",
    413: "Payload Too Large",
    429: "Rate limit for this resource has been exceeded",
    500: "Internal Error",
    503: "Service Unavailable",
}

# Where the contract prints a sentence, that is the whole body. None means the standard text alone.
EXACT_BODIES: Mapping[type[Exception], str | None] = {
    refusals.Unauthenticated: None,
    refusals.TooManyRequests: None,
    refusals.NoSuchGroup: "No Group matches the given query.",
    refusals.NotInvited: None,
    refusals.AlreadyMember: None,
    refusals.AlreadyInvited: None,
    refusals.EmailInPath: "Email cannot be in path",
    refusals.UnknownEmail: "No user with validated email address",
}


class EnvelopeDetail(msgspec.Struct):
    """What went wrong; `detail` is a sentence, or the scopes that were required and granted."""

    message: str
    detail: Any


class ErrorEnvelope(msgspec.Struct):
    """An error in the JSON envelope."""

    type: str
    error: EnvelopeDetail


class PlainTextErrors:
    """Plain text; a JSON envelope where a scope is missing and for what was removed (contract/formats.md#e3)."""

    def body(self, problem: Problem) -> ErrorBody:
        """Make the body for a problem (contract/formats.md#e1, #e4)."""
        error = problem.error
        if isinstance(error, refusals.InsufficientScope):
            detail = {"required": error.required, "granted": error.granted}
            return _envelope(LACKS_SCOPES, detail)
        if isinstance(error, refusals.Gone):
            return _envelope("Resource removed", problem.sentence)
        return ErrorBody(PLAIN, _text(problem).encode())

    def types(self, status: int) -> Mapping[str, Any]:
        """Return the type of the body for each Content-Type that an error with this status may have, for OpenAPI."""
        return {PLAIN: str, JSON: ErrorEnvelope} if status == 403 else {PLAIN: str}


def _text(problem: Problem) -> str:
    standard_text = STANDARD_TEXTS[problem.status]
    if isinstance(problem.error, refusals.PasswordAlone):
        return f"{standard_text}: {problem.sentence}."
    for error_class in type(problem.error).__mro__:
        if error_class in EXACT_BODIES:
            return EXACT_BODIES[error_class] or standard_text
    if problem.error is None:
        return standard_text
    if isinstance(problem.error, UnknownFormat | refusals.InvalidPrivilege):
        return problem.sentence
    return f"{standard_text}: {problem.sentence}."


def _envelope(message: str, detail: object) -> ErrorBody:
    return ErrorBody(JSON, msgspec.json.encode(ErrorEnvelope("error", EnvelopeDetail(message, detail))))
