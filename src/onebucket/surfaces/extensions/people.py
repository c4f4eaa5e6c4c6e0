"""Handlers of `/api/people`: off-boarding and deleting people."""

from msgspec import Struct

from onebucket.actions import deletion, offboarding
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.surfaces.core.deletion_shape import DeletionShape, deletion_shape
from onebucket.surfaces.core.offboarding_shape import OffboardingShape, offboarding_shape
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Route
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


def delete(work: UnitOfWork, request: ApiRequest) -> DeletionShape:
    """Delete a person with everything that they have and own."""
    name, is_dry = request.path_parameters["user"], request.is_flag_set("dry_run")
    if is_dry:
        return deletion_shape(deletion.plan(work, name), dry_run=True)
    return deletion_shape(deletion.delete(work, name, strikes_out=request.is_flag_set("strike_out")), dry_run=False)


_STRIKE_OUT = Parameter(
    "strike_out",
    "`true` also strikes the person's names and addresses out of the journal",
    {"type": "boolean", "default": False},
)
_DRY_RUN = Parameter("dry_run", "`true` only shows what would be deleted", {"type": "boolean", "default": False})

ROUTES = (
    Route("DELETE", "/people/{user}", delete, scope_rules.CHANGE_WORKSPACES, "deletePerson",
          "Delete a person with everything that they have and own", DeletionShape, query=(_STRIKE_OUT, _DRY_RUN),
          errors=(400, 403, 404, 409, 413)),
    Route("POST", "/people/{user}/offboard", offboard, scope_rules.CHANGE_WORKSPACES, "offboard",
          "End everything that a person has in an account, or everywhere", OffboardingShape,
          json=OffboardingRequest, errors=(400, 403, 404, 409, 413)),
)  # fmt: skip
