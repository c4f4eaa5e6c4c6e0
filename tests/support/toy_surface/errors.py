"""Error bodies: `{"code": 404, "message": …}`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from onebucket.surfaces.core.errors import ErrorBody, Problem

PROBLEM_JSON = "application/problem+json"


class ToyError(msgspec.Struct):
    """What went wrong."""

    code: int
    message: str


class ToyErrors:
    """A JSON object for every error."""

    def body(self, problem: Problem) -> ErrorBody:
        """Make the body for a problem."""
        return ErrorBody(PROBLEM_JSON, msgspec.json.encode(ToyError(problem.status, problem.sentence)))

    def types(self, status: int) -> Mapping[str, Any]:
        """Return the type of the body for each Content-Type, for OpenAPI."""
        return {PROBLEM_JSON: ToyError}
