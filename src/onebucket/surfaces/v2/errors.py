"""Error bodies of API 2.0: always its JSON envelope."""

from collections.abc import Mapping
from typing import Any

import msgspec

from onebucket.domain.refusals import Gone, InsufficientScope, Invalid, NoSuchGroup, NotFound
from onebucket.safe_text import quote_text
from onebucket.surfaces.core.errors import JSON, LACKS_SCOPES, ErrorBody, Problem


class InvalidPage(Invalid):
    """`page` or `pagelen` is no number in its range; the message is the original's, without a full stop."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"invalid {parameter}")


class ListGone(Gone):
    """Lists over all workspaces are turned off by a setting, as the original's were in April 2026."""

    announcement_url = "https://developer.atlassian.com/cloud/bitbucket/changelog/#CHANGE-2770"

    def __init__(self) -> None:
        super().__init__("lists over all workspaces are gone (CHANGE-2770); /2.0/user/workspaces lists yours")


class ErrorDetail(msgspec.Struct):
    """What went wrong, in a sentence.

    `detail` names the scopes that were required and granted, `data` the announcement of what was removed.
    """

    message: str
    detail: dict[str, list[str]] | msgspec.UnsetType = msgspec.UNSET
    data: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Error(msgspec.Struct, tag_field="type", tag="error"):
    """An error, in the envelope that clients of 2.0 look for."""

    error: ErrorDetail


class EnvelopeErrors:
    """`{"type": "error", "error": {"message": …}}` for every error."""

    def body(self, problem: Problem) -> ErrorBody:
        """Make the body for a problem."""
        full_stop = "" if isinstance(problem.error, InvalidPage) else "."
        sentence = problem.sentence
        if isinstance(problem.error, NoSuchGroup) and problem.error.sought is not None:
            sentence = sentence.replace("no such group", f"no group {quote_text(problem.error.sought.name)}")
        error = ErrorDetail(f"{sentence[:1].upper()}{sentence[1:]}{full_stop}")
        if isinstance(problem.error, NotFound) and problem.error.suggestion is not None:
            error.message += f" Did you mean `{problem.error.suggestion}`?"
        if isinstance(problem.error, InsufficientScope):
            error.message = LACKS_SCOPES
            error.detail = {"required": problem.error.required, "granted": problem.error.granted}
        if isinstance(problem.error, ListGone):
            error.data = {"announcement_url": problem.error.announcement_url}
        return ErrorBody(JSON, msgspec.json.encode(Error(error)))

    def types(self, status: int) -> Mapping[str, Any]:
        """Return the type of the body for each Content-Type that an error with this status may have, for OpenAPI."""
        return {JSON: Error}
