"""Handlers of `…/override-settings`: two settings that a repository inherits or has of its own, stored for clients."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions import repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.surfaces.core.surface import ApiRequest, Route
from onebucket.surfaces.v2.fields import FIELDS
from onebucket.surfaces.v2.places import repository_of
from onebucket.wire import request_body


class NewOverrideSettings(Struct, frozen=True):
    """Whether each setting is inherited; one that is left out stays as it is."""

    default_merge_strategy: bool | UnsetType | None = UNSET
    branching_model: bool | UnsetType | None = UNSET


class NewInheritanceState(NewOverrideSettings, frozen=True):
    """The settings, in `override_settings` or, as the provider for Terraform sends them, without it."""

    override_settings: NewOverrideSettings | UnsetType | None = UNSET


class OverrideSettings(Struct, frozen=True, kw_only=True):
    """Whether each setting is inherited."""

    default_merge_strategy: bool
    branching_model: bool


class InheritanceState(Struct, frozen=True, kw_only=True):
    """The settings twice: the provider for Terraform reads those outside `override_settings`."""

    type: Literal["repository_inheritance_state"] = "repository_inheritance_state"
    override_settings: OverrideSettings
    default_merge_strategy: bool
    branching_model: bool


def read_override_settings(work: UnitOfWork, request: ApiRequest) -> InheritanceState:
    """Return what a repository inherits."""
    repository = repositories.read(work, *repository_of(request)).repository
    settings = OverrideSettings(
        default_merge_strategy=repository.has_inherited_merge_strategy,
        branching_model=repository.has_inherited_branching_model,
    )
    return InheritanceState(
        override_settings=settings,
        default_merge_strategy=settings.default_merge_strategy,
        branching_model=settings.branching_model,
    )


def change_override_settings(work: UnitOfWork, request: ApiRequest) -> None:
    """Store what a repository inherits."""
    body = request_body.document(request.body, NewInheritanceState, "{override_settings: {default_merge_strategy}}")
    settings = body.override_settings or body
    repositories.change(
        work,
        *repository_of(request),
        has_inherited_merge_strategy=_given(settings.default_merge_strategy),
        has_inherited_branching_model=_given(settings.branching_model),
    )


def _given(value: bool | UnsetType | None) -> bool | None:
    return value if isinstance(value, bool) else None


_SETTINGS = "/repositories/{workspace}/{repo_slug}/override-settings"

ROUTES = (
    Route("GET", _SETTINGS, read_override_settings, scope_rules.READ_REPOSITORIES, "readOverrideSettings",
          "Which settings a repository inherits", InheritanceState, query=(FIELDS,), errors=(404,)),
    Route("PUT", _SETTINGS, change_override_settings, scope_rules.CHANGE_REPOSITORIES, "changeOverrideSettings",
          "Store which settings a repository inherits", json=NewInheritanceState, errors=(403, 404, 413)),
)  # fmt: skip
