"""Error bodies of SCIM (RFC 7644, 3.12), and the refusals that only its requests have."""

from collections.abc import Mapping
from typing import Any

import msgspec

from onebucket.domain.refusals import Conflict, Invalid, LastAdministrator
from onebucket.surfaces.core.errors import ErrorBody, Problem
from onebucket.wire.request_body import UnreadableBody

SCIM_JSON = "application/scim+json"
_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


class InvalidFilter(Invalid):
    """A filter can't be parsed, or names an attribute or an operator that lists can't be filtered by."""


class InvalidPath(Invalid):
    """The path of a PATCH operation can't be parsed, or names no attribute."""


class NoTarget(Invalid):
    """A PATCH operation has no path where it needs one, or one that leads to nothing."""


class InvalidSyntax(Invalid):
    """A body has another structure than its request needs."""


class NotMutable(Invalid):
    """An attribute that can't be changed, or can't be without a value, would be."""


class VersionMismatch(Conflict):
    """The resource has another version than If-Match names."""

    def __init__(self) -> None:
        super().__init__("the resource has changed in the meantime: read it again")


class NotOffered(Invalid):
    """The protocol has it, and this server doesn't."""


# The first class of an error's ancestors in this table decides.
_TYPES: Mapping[type[Exception], str | None] = {
    InvalidFilter: "invalidFilter",
    InvalidPath: "invalidPath",
    NoTarget: "noTarget",
    InvalidSyntax: "invalidSyntax",
    UnreadableBody: "invalidSyntax",
    NotMutable: "mutability",
    LastAdministrator: None,
    VersionMismatch: None,
    NotOffered: None,
    Conflict: "uniqueness",
    Invalid: "invalidValue",
}


class ScimError(msgspec.Struct, omit_defaults=True):
    """What went wrong, in a sentence; `status` is a text."""

    schemas: list[str]
    status: str
    detail: str
    scimType: str | None = None  # noqa: N815 - the protocol's spelling


class ScimErrors:
    """An error message of SCIM for every error."""

    def body(self, problem: Problem) -> ErrorBody:
        """Make the body for a problem."""
        kinds = (_TYPES[kind] for kind in type(problem.error).__mro__ if kind in _TYPES)
        sentence = f"{problem.sentence[:1].upper()}{problem.sentence[1:]}."
        error = ScimError([_SCHEMA], str(problem.status), sentence, next(kinds, None))
        return ErrorBody(SCIM_JSON, msgspec.json.encode(error))

    def types(self, status: int) -> Mapping[str, Any]:
        """Return the type of the body for each Content-Type that an error with this status may have, for OpenAPI."""
        return {SCIM_JSON: ScimError}
