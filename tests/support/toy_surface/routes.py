"""The routes, their handlers and shapes."""

import msgspec

from onebucket.actions import groups
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import GroupExists
from onebucket.domain.scope_rules import ScopeRule
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Reply, Route, Surface
from onebucket.wire.formats import Format
from toy_surface import paging
from toy_surface.errors import ToyErrors


class Crew(msgspec.Struct):
    """A group."""

    title: str
    slug: str


class Crews(msgspec.Struct):
    """A page of groups; the last has no `next`."""

    items: list[Crew]
    next: str | None = None


def list_crews(work: UnitOfWork, request: ApiRequest) -> paging.PagedList:
    """List the groups of an account."""
    found = groups.of_account(work, request.path_parameters["accountname"], members=False)
    return paging.PagedList([Crew(each.group.name, each.group.slug) for each in found])


def create_crew(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Create a group, and say where it is."""
    made = groups.create(work, request.path_parameters["accountname"], name=request.fields().text("title") or "").group
    return Reply(Crew(made.name, made.slug), 201, (("location", f"{request.url()}/{made.slug}"),))


def delete_crew(work: UnitOfWork, request: ApiRequest) -> None:
    """Delete a group."""
    groups.delete(work, request.path_parameters["accountname"], request.path_parameters["crew"])


_READ = ScopeRule("account", frozenset({"read:workspace:bitbucket"}))
_WRITE = ScopeRule("account:write", frozenset({"admin:workspace:bitbucket", "write:user:bitbucket"}))
_CREWS = "/{accountname}/crews"
_TITLE = Parameter("title", "the group's name", {"type": "string", "minLength": 1}, required=True)

TOY = Surface(
    "toy",
    ("/toy",),
    (
        Route("GET", _CREWS, list_crews, _READ, "listCrews", "List groups", Crews, query=(paging.PAGE,)),
        Route("POST", _CREWS, create_crew, _WRITE, "createCrew", "Create a group", Crew, status=201,
              fields=(_TITLE,), errors=(422,)),
        Route("DELETE", f"{_CREWS}/{{crew}}", delete_crew, _WRITE, "deleteCrew", "Delete a group",
              errors=(404,)),
    ),
    description="A surface to try the seam with.",
    errors=ToyErrors(),
    statuses={GroupExists: 422},
    formats=(Format.JSON,),
    has_jsonp=False,
    present=paging.present,
    path_parameters={"crew": "the group's slug"},
)  # fmt: skip
