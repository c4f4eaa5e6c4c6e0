"""Handlers of `/api/people`: off-boarding."""

from msgspec import Struct

from onebucket.actions import offboarding
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.surfaces.core.offboarding_shape import OffboardingShape, offboarding_shape
from onebucket.surfaces.core.surface import ApiRequest, Route
from onebucket.wire import request_body


class OffboardingRequest(Struct, frozen=True):
    """Where a person's access is to end: in one account, or everywhere. With `dry_run` it is only shown."""

    account: str | None = None
    dry_run: bool = False


def offboard(work: UnitOfWork, request: ApiRequest) -> OffboardingShape:
    """End everything that a person has in an account, or everywhere."""
    wanted = request_body.document(request.body, OffboardingRequest, "{account, dry_run}")
    act = offboarding.plan if wanted.dry_run else offboarding.offboard
    return offboarding_shape(act(work, request.path_parameters["user"], wanted.account), dry_run=wanted.dry_run)


ROUTES = (
    Route("POST", "/people/{user}/offboard", offboard, scope_rules.CHANGE_WORKSPACES, "offboard",
          "End everything that a person has in an account, or everywhere", OffboardingShape,
          json=OffboardingRequest, errors=(400, 403, 404, 409, 413)),
)  # fmt: skip
