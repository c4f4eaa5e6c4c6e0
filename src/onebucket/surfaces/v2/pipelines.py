"""Handlers of `…/pipelines_config`: no pipelines run here, but clients ask for them and turn them off."""

from typing import Annotated, Literal, NoReturn

from msgspec import Meta, Struct

from onebucket.actions import repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.surfaces.core.surface import ApiRequest, Route
from onebucket.surfaces.v2.fields import FIELDS
from onebucket.surfaces.v2.places import repository_of
from onebucket.wire import request_body


class NewPipelinesConfig(Struct, frozen=True):
    """Whether pipelines are to run: they can only be turned off."""

    enabled: Annotated[bool, Meta(extra_json_schema={"const": False})]


class PipelinesConfig(Struct, frozen=True, kw_only=True):
    """That no pipelines run."""

    type: Literal["repository_pipelines_configuration"] = "repository_pipelines_configuration"
    enabled: bool = False


def read_pipelines(work: UnitOfWork, request: ApiRequest) -> NoReturn:
    """Say that a repository has no pipelines. Raises NotFound."""
    repositories.read(work, *repository_of(request))
    raise NotFound("the repository has no pipelines: they do not run here")


def configure_pipelines(work: UnitOfWork, request: ApiRequest) -> PipelinesConfig:
    """Accept that pipelines are off, which providers of Terraform say of every new repository. Raises Invalid."""
    repositories.check_changeable(work, *repository_of(request))
    body = request_body.document(request.body, NewPipelinesConfig, "{enabled}")
    if body.enabled:
        raise Invalid("pipelines do not run here, so they can't be enabled")
    return PipelinesConfig()


_PIPELINES = "/repositories/{workspace}/{repo_slug}/pipelines_config"

ROUTES = (
    Route("GET", _PIPELINES, read_pipelines, scope_rules.READ_REPOSITORIES, "readPipelines",
          "Whether pipelines run: always 404", PipelinesConfig, query=(FIELDS,), errors=(404,)),
    Route("PUT", _PIPELINES, configure_pipelines, scope_rules.CHANGE_REPOSITORIES, "configurePipelines",
          "Keep pipelines off; they can't be enabled", PipelinesConfig, query=(FIELDS,), json=NewPipelinesConfig,
          only_reads=True, errors=(403, 404, 413)),
)  # fmt: skip
