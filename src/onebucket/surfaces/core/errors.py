"""How a surface words its errors: the facts that `http` finds, and the body that the surface makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"

# The original's message where a credential lacks a scope (contract/formats.md#e3).
LACKS_SCOPES = "Your credentials lack one or more required privilege scopes."


@dataclass(frozen=True, slots=True)
class Problem:
    """An error for the client: its HTTP status, its cause, and a sentence about it.

    `sentence` is lower case, without a full stop, and contains no secret. `error` is None for an unexpected error, of
    which the client learns nothing.
    """

    status: int
    sentence: str
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The body of an error response, and its Content-Type."""

    content_type: str
    content: bytes


class ErrorStyle(Protocol):
    """Makes the bodies of a surface's error responses; statuses and headers are the same for all surfaces."""

    def body(self, problem: Problem) -> ErrorBody:
        """Make the body for a problem."""

    def types(self, status: int) -> Mapping[str, Any]:
        """Return the type of the body for each Content-Type that an error with this status may have, for OpenAPI."""
