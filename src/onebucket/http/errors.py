"""Maps errors to statuses and bodies: one table, and its listed exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from onebucket.domain import refusals
from onebucket.domain.refusals import Refusal
from onebucket.http.execution.body_deadline import BodyTooSlow
from onebucket.store.engine.database import DatabaseUnavailable
from onebucket.wire.formats import BadCallback, UnknownFormat
from onebucket.wire.request_body import UnreadableBody

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

STATUS_OF_ERROR: Mapping[type[Exception], int] = {
    refusals.Unauthenticated: 401,
    refusals.TooManyRequests: 429,
    refusals.Forbidden: 403,
    refusals.NotFound: 404,
    refusals.Gone: 410,
    refusals.Invalid: 400,
    refusals.Conflict: 409,
    UnreadableBody: 400,
    UnknownFormat: 400,
    BadCallback: 400,
    DatabaseUnavailable: 503,
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

_NONE: Mapping[type[Exception], int] = {}

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"

# Says what to do, or what may have been lost, where the contract fixes the whole body.
HINT = b"x-onebucket-hint"
_OPEN = (
    b"the invitation is open; to invite with another permission, withdraw it first (DELETE here, with email); "
    b"POST /api/invitations/{id}/resend sends its letter again"
)
_HAS_IT = b"whoever has this address may do that already"


class MethodNotAllowed(Exception):
    """The address exists, but not for this method; `allow` is the value of the Allow header."""

    def __init__(self, allow: str) -> None:
        super().__init__("this address does not answer that method")
        self.allow = allow


class BodyTooLarge(Exception):
    """The body is longer than `request.MAX_BODY_BYTES`."""


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The status, body and headers that tell an error to the client."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def to_response(error: Exception, *, realm: str, exceptions: Mapping[type[Exception], int]) -> ErrorResponse | None:
    """Build the response for an error (contract/formats.md#e1, #e4); None for an unexpected error.

    `exceptions` are the statuses of one surface that differ from the common table.
    """
    if isinstance(error, MethodNotAllowed):
        return ErrorResponse(405, PLAIN, _sentence_body(405, str(error)), ((b"allow", error.allow.encode()),))
    if isinstance(error, BodyTooLarge):
        return ErrorResponse(413, PLAIN, _sentence_body(413, "the body may be 1 MiB long at most"))
    if isinstance(error, BodyTooSlow):
        return ErrorResponse(408, PLAIN, _sentence_body(408, str(error)), ((b"connection", b"close"),))

    status = status_of(error, exceptions)
    if status is None:
        return None
    if isinstance(error, refusals.InsufficientScope):
        detail = {"required": error.required, "granted": error.granted}
        sentence = "Your credentials lack one or more required privilege scopes."
        return ErrorResponse(status, JSON, _envelope(sentence, detail))
    if isinstance(error, refusals.Gone):
        return ErrorResponse(status, JSON, _envelope("Resource removed", error.sentence))
    return ErrorResponse(status, PLAIN, _plain_body(error, status), _headers(error, realm))


def hinted(response: ErrorResponse, hint: bytes) -> ErrorResponse:
    """Add an X-Onebucket-Hint header."""
    return replace(response, headers=(*response.headers, (HINT, hint)))


def internal_error() -> ErrorResponse:
    """Build the response for an unexpected error; it says nothing about the cause."""
    return ErrorResponse(500, PLAIN, STANDARD_TEXTS[500].encode())


def enveloped(response: ErrorResponse) -> ErrorResponse:
    """Put the sentence into the JSON envelope of API 2.0, where its clients look for it."""
    if response.content_type == JSON:
        return response
    body = msgspec.json.encode({"type": "error", "error": {"message": response.body.decode()}})
    return ErrorResponse(response.status, JSON, body, response.headers)


def status_of(error: Exception, exceptions: Mapping[type[Exception], int] = _NONE) -> int | None:
    """Look up the status of an error by its class and base classes; None for an unexpected error."""
    for error_class in type(error).__mro__:
        if error_class in exceptions:
            return exceptions[error_class]
        if error_class in STATUS_OF_ERROR:
            return STATUS_OF_ERROR[error_class]
    return None


def _plain_body(error: Exception, status: int) -> bytes:
    for error_class in type(error).__mro__:
        if error_class in EXACT_BODIES:
            return (EXACT_BODIES[error_class] or STANDARD_TEXTS[status]).encode()
    if isinstance(error, UnknownFormat | refusals.InvalidPrivilege):
        return str(error).encode()
    return _sentence_body(status, error.sentence if isinstance(error, Refusal) else str(error))


def _sentence_body(status: int, sentence: str) -> bytes:
    return f"{STANDARD_TEXTS[status]}: {sentence}.".encode()


def _headers(error: Exception, realm: str) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(error, refusals.Unauthenticated):
        basic = (b"www-authenticate", f'Basic realm="{realm}"'.encode())
        return (basic, (b"www-authenticate", b'Bearer error="invalid_token"')) if error.bearer else (basic,)
    if isinstance(error, refusals.AlreadyInvited):
        return ((HINT, _OPEN if error.is_open else _HAS_IT),)
    if isinstance(error, refusals.TooManyRequests) and error.setting:
        hint = f"{error.sentence}: whoever runs this server sets how many with {error.setting}"
        return ((b"retry-after", str(error.retry_after).encode()), (HINT, hint.encode()))
    if isinstance(error, refusals.TooManyRequests | DatabaseUnavailable):
        return ((b"retry-after", str(error.retry_after).encode()),)
    return ()


def _envelope(message: str, detail: object) -> bytes:
    return msgspec.json.encode({"type": "error", "error": {"message": message, "detail": detail}})
