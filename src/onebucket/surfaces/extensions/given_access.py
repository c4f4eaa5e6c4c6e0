"""Handler of `/api/grants/{account}`: people get a level on repositories, or an invitation."""

from typing import Literal

from msgspec import Struct

from onebucket.actions import given_access
from onebucket.actions.given_access import Gift
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, privileges, scope_rules
from onebucket.surfaces.core.gift_shape import GiftShape, gift_shape
from onebucket.surfaces.core.surface import ApiRequest, Route
from onebucket.wire import request_body


class GiftRequest(Struct, frozen=True):
    """A level for people (usernames, ids or e-mail addresses) on repositories (slugs).

    What is given ends at `until`: a time with its zone, or a date. With `dry_run` nothing is given.
    """

    people: list[str]
    repositories: list[str]
    level: Literal["read", "write", "admin"] = "read"
    until: str | None = None
    dry_run: bool = False


def give(work: UnitOfWork, request: ApiRequest) -> GiftShape:
    """Give people a level on repositories; whoever has no account is invited."""
    wanted = request_body.document(request.body, GiftRequest, "{people, repositories, level, until, dry_run}")
    until = ends.parse(wanted.until) if wanted.until is not None else None
    gift = Gift(wanted.people, wanted.repositories, privileges.parse_level(wanted.level), until)
    act = given_access.plan if wanted.dry_run else given_access.apply
    return gift_shape(act(work, request.path_parameters["accountname"], gift), dry_run=wanted.dry_run)


ROUTES = (
    Route("POST", "/grants/{accountname}", give, scope_rules.CHANGE_WORKSPACES, "giveAccess",
          "Give people a level on repositories, and invite whoever has no account", GiftShape,
          json=GiftRequest, errors=(400, 403, 404, 413, 429)),
)  # fmt: skip
