"""Maps errors to statuses and headers: one table, and what a surface declares to differ from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from onebucket import bounds
from onebucket.domain import refusals, sign_in_providers
from onebucket.domain.refusals import Refusal
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.surfaces.core.errors import ErrorStyle, Problem
from onebucket.wire.formats import BadCallback, UnknownFormat
from onebucket.wire.request_body import UnreadableBody


class MethodNotAllowed(Exception):
    """The address exists, but not for this method; `allow` is the value of the Allow header."""

    def __init__(self, allow: str) -> None:
        super().__init__("this address does not support that method")
        self.allow = allow


class BodyTooSlow(Exception):
    """The body did not arrive within `bounds.BODY_SECONDS`."""

    def __init__(self) -> None:
        super().__init__(f"the body must arrive within {bounds.BODY_SECONDS:g} seconds")


class BodyTooLarge(Exception):
    """The body is longer than `request.MAX_BODY_BYTES`."""

    def __init__(self) -> None:
        super().__init__("the body may be at most 1 MiB long")


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
    sign_in_providers.ProviderUnavailable: 503,
}

# What is wrong with the request itself, before any rule; pages handle these themselves.
_STATUS_OF_TRANSPORT_ERROR: Mapping[type[Exception], int] = {
    MethodNotAllowed: 405,
    BodyTooSlow: 408,
    BodyTooLarge: 413,
}

_NONE: Mapping[type[Exception], int] = {}

# Says what to do, or what may have been lost, where the contract fixes the whole body.
HINT = b"x-onebucket-hint"
_OPEN = (
    b"the invitation is pending; to invite with another permission, withdraw it first (DELETE here, with email); "
    b"POST /api/invitations/{id}/resend sends its e-mail again"
)
_HAS_IT = b"the person with this address has that access already"


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The status, body and headers of the response to an error."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def to_response(
    error: Exception, *, realm: str, style: ErrorStyle, statuses: Mapping[type[Exception], int] = _NONE
) -> ErrorResponse | None:
    """Build the response for an error; None for an unexpected error.

    `style` makes the body; `statuses` are those of one surface that differ from the common table.
    """
    status = _STATUS_OF_TRANSPORT_ERROR.get(type(error)) or status_of(error, statuses)
    if status is None:
        return None
    sentence = error.sentence if isinstance(error, Refusal) else str(error)
    body = style.body(Problem(status, sentence, error))
    return ErrorResponse(status, body.content_type, body.content, _headers(error, realm))


def hinted(response: ErrorResponse, hint: bytes) -> ErrorResponse:
    """Add an X-Onebucket-Hint header."""
    return replace(response, headers=(*response.headers, (HINT, hint)))


def internal_error(style: ErrorStyle) -> ErrorResponse:
    """Build the response for an unexpected error; it says nothing about the cause."""
    body = style.body(Problem(500, "something went wrong on the server"))
    return ErrorResponse(500, body.content_type, body.content)


def status_of(error: Exception, statuses: Mapping[type[Exception], int] = _NONE) -> int | None:
    """Look up the status of an error by its class and base classes; None for an unexpected error.

    `statuses` are those of one surface that differ from the common table.
    """
    for error_class in type(error).__mro__:
        if error_class in statuses:
            return statuses[error_class]
        if error_class in STATUS_OF_ERROR:
            return STATUS_OF_ERROR[error_class]
    return None


def _headers(error: Exception, realm: str) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", error.allow.encode()),)
    if isinstance(error, BodyTooSlow):
        return ((b"connection", b"close"),)
    if isinstance(error, refusals.Unauthenticated):
        basic = (b"www-authenticate", f'Basic realm="{realm}"'.encode())
        return (basic, (b"www-authenticate", b'Bearer error="invalid_token"')) if error.bearer else (basic,)
    if isinstance(error, refusals.AlreadyInvited):
        return ((HINT, _OPEN if error.is_open else _HAS_IT),)
    if isinstance(error, refusals.TooManyRequests) and error.setting:
        hint = f"{error.sentence}: the operator of this server sets the limit with {error.setting}"
        return ((b"retry-after", str(error.retry_after).encode()), (HINT, hint.encode()))
    if isinstance(error, refusals.TooManyRequests | DatabaseUnavailable):
        return ((b"retry-after", str(error.retry_after).encode()),)
    return ()
