"""A form of several permissions in one place: a preview of who gains and who loses, then the change."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from starlette.responses import Response

from onebucket.actions import account_overview
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Forbidden, Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import error_beside
from onebucket.surfaces.web.core.page_request import PageRequest

REVISION = re.compile("[0-9]{1,17}")

_Change = TypeVar("_Change")
_Change_contra = TypeVar("_Change_contra", contravariant=True)


class Plan(Protocol):
    """What changes would do."""

    @property
    def effects(self) -> Sequence[AccessChange]:
        """Who would gain and lose what."""


class Apply(Protocol[_Change_contra]):
    """Makes changes if the account still has the revision of the preview."""

    def __call__(
        self, work: UnitOfWork, account: str, place: str, changes: Sequence[_Change_contra], /, *, revision: int
    ) -> None:
        """Raises PlanOutdated."""


@dataclass(frozen=True, slots=True)
class PermissionForm(Generic[_Change]):
    """The form of one kind of place: what plans and makes its changes, and what fails once one can't see the place.

    `places` and `parameter` are the part of its address before the place's name, and the path parameter with that.
    `context` is what the preview needs besides the plan.
    """

    places: str
    parameter: str
    plan: Callable[[UnitOfWork, str, str, Sequence[_Change]], Plan]
    apply: Apply[_Change]
    look: Callable[[UnitOfWork, str, str], object]
    context: dict[str, Any]

    async def send(self, request: PageRequest, changes: Sequence[_Change]) -> Response:
        """Preview the changes; with a revision, make them.

        If the account has changed since the preview, show a new preview instead.
        """
        account, place = request.path_parameter("name"), request.path_parameter(self.parameter)
        if not request.has("revision"):
            return await self._preview(request, changes)
        if not REVISION.fullmatch(request.line("revision")):
            raise Invalid("preview the changes first")
        revision = int(request.line("revision"))
        try:
            await request.write(lambda work: self.apply(work, account, place, changes, revision=revision))
        except PlanOutdated as refusal:
            return await self._preview(request, changes, message=refusal.sentence, status=409)
        try:
            await request.read(lambda work: self.look(work, account, place))
        except (NotFound, Forbidden):
            # They took it from themselves.
            return request.redirect("/me")
        return request.redirect(f"{self._address(request)}?done=permissions")

    async def _preview(
        self, request: PageRequest, changes: Sequence[_Change], message: str = "", status: int = 200
    ) -> Response:
        account, place = request.path_parameter("name"), request.path_parameter(self.parameter)

        def load(work: UnitOfWork) -> dict[str, Any]:
            plan = self.plan(work, account, place, changes)
            return {"summary": account_overview.summary_for_visitors(work, account), "plan": plan}

        try:
            found = await request.read(load)
        except (Invalid, NotFound) as refusal:
            if not request.line("holder"):
                raise
            until = "until" if request.line("until") else "holder"
            raise error_beside(refusal, "holder", until=until, level="level") from None
        effects = access_changes.effects_of(found["plan"].effects)
        address = self._address(request)
        return request.page(
            "permissions/plan.html",
            status=status,
            error=message,
            effects=effects,
            address=address,
            **self.context,
            **found,
        )

    def _address(self, request: PageRequest) -> str:
        return f"/accounts/{request.segment('name')}/{self.places}/{request.segment(self.parameter)}"
