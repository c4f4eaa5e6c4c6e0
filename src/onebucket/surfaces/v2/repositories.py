"""Handlers of repositories: what clients read and set; no content is stored."""

from dataclasses import replace
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from onebucket.actions import repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import time_range
from onebucket.domain.filters import AllOf, Comparison, Operator
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.repositories import parse_fork_policy
from onebucket.surfaces.core.surface import TIME_SCHEMA, ApiRequest, Parameter, Reply
from onebucket.surfaces.v2 import lists
from onebucket.surfaces.v2.list_fields import BOOLEAN, MOMENT, TEXT, UUID, Field
from onebucket.surfaces.v2.pages import PagedList
from onebucket.surfaces.v2.places import repository_of
from onebucket.surfaces.v2.project_objects import RepositoryObject
from onebucket.surfaces.v2.project_shapes import ProjectShapes
from onebucket.surfaces.v2.workspaces import require_cross_workspace_lists
from onebucket.wire import request_body

# What a list of repositories can be asked by; the names of columns are those of `store/repository_lists.py`.
FIELDS_OF_REPOSITORIES = {
    "uuid": Field(UUID, "id"),
    "name": Field(TEXT, "name"),
    "slug": Field(TEXT, "slug"),
    "full_name": Field(TEXT, "full_name"),
    "description": Field(TEXT, "description"),
    "language": Field(TEXT, "language"),
    "fork_policy": Field(TEXT, "fork_policy"),
    "is_private": Field(BOOLEAN, "is_private"),
    "has_issues": Field(BOOLEAN, "has_issues"),
    "has_wiki": Field(BOOLEAN, "has_wiki"),
    "project.key": Field(TEXT, "project_key"),
    "project.name": Field(TEXT, "project_name"),
    "project.uuid": Field(UUID, "project_id"),
    "created_on": Field(MOMENT, "created_at"),
    "updated_on": Field(MOMENT, "updated_at"),
}


class ProjectKey(Struct):
    """Which project a repository goes into."""

    key: str | UnsetType = UNSET


class BranchName(Struct):
    """Which branch is shown first."""

    name: str | UnsetType = UNSET


# Rules that the domain checks, with a plainer sentence: the schema only says them.
_Line = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 255})]
_ForkPolicy = Annotated[str, Meta(extra_json_schema={"enum": ["allow_forks", "no_public_forks", "no_forks"]})]


class RepositoryBody(Struct):
    """The body that creates or changes a repository; fields left out get their default, or keep their value."""

    name: _Line | UnsetType | None = UNSET
    slug: str | UnsetType | None = UNSET
    scm: str | UnsetType | None = UNSET
    is_private: bool | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    fork_policy: _ForkPolicy | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    has_issues: bool | UnsetType | None = UNSET
    has_wiki: bool | UnsetType | None = UNSET
    project: ProjectKey | UnsetType | None = UNSET
    mainbranch: BranchName | UnsetType | None = UNSET


# The level of each `role`.
_LEVEL_OF_ROLE = {"member": Level.READ, "contributor": Level.WRITE, "admin": Level.ADMIN, "owner": Level.ADMIN}
ROLE = Parameter(
    "role",
    "only repositories on which you have at least read (member), write (contributor) or admin (admin, owner)",
    {"type": "string", "enum": [*_LEVEL_OF_ROLE]},
)
AFTER = Parameter("after", "only repositories created then or later: a date, or a date and time", TIME_SCHEMA)


def list_repositories(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the repositories of a workspace that the caller can see."""
    listing, shape = lists.read(request, FIELDS_OF_REPOSITORIES), ProjectShapes(request).repository
    name, least = request.path_parameters["workspace"], _least(request)
    items, size = repositories.visible(work, name, listing.query, least=least)
    return listing.paged([shape(each) for each in items], size)


def list_everywhere(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the repositories of all workspaces that the caller can see (contract/api-2.0.md#9.4)."""
    require_cross_workspace_lists(request)
    listing, shape = lists.read(request, FIELDS_OF_REPOSITORIES), ProjectShapes(request).repository
    query = listing.query
    if after := request.query.get("after"):
        added = Comparison("created_at", Operator.GREATER_OR_EQUAL, time_range.parse(after[-1], what="after"))
        query = replace(query, filter=added if query.filter is None else AllOf((query.filter, added)))
    items, size = repositories.visible_everywhere(work, query, least=_least(request))
    return listing.paged([shape(each) for each in items], size)


def read_repository(work: UnitOfWork, request: ApiRequest) -> RepositoryObject:
    """Return a repository that the caller can see."""
    return ProjectShapes(request).repository(repositories.read(work, *repository_of(request)))


def create_repository(work: UnitOfWork, request: ApiRequest) -> RepositoryObject:
    """Create a repository, private unless the body says otherwise."""
    body, (workspace, slug) = _body(request), repository_of(request)
    made = repositories.add(work, workspace, slug, project=_project_key(body), **_fields(body))
    return ProjectShapes(request).repository(repositories.read(work, workspace, made.slug))


def change_repository(work: UnitOfWork, request: ApiRequest) -> RepositoryObject | Reply:
    """Change a repository, or create one that is missing. One that is new or moved is 201, with its address.

    Another slug moves it. A slug that follows from the name follows the new name, unless the body has one.
    """
    body, (workspace, slug) = _body(request), repository_of(request)
    if repositories.may_add_missing(work, workspace, slug, _project_key(body)):
        return _at_new_address(create_repository(work, request))
    new_slug = body.slug or repositories.slug_for_name(work, workspace, slug, body.name or None)
    changed = repositories.change(work, workspace, slug, new_slug=new_slug, project=_project_key(body), **_fields(body))
    shaped = ProjectShapes(request).repository(repositories.read(work, workspace, changed.slug))
    return shaped if changed.slug == slug else _at_new_address(shaped)


def delete_repository(work: UnitOfWork, request: ApiRequest) -> None:
    """Delete a repository with everything that is set on it."""
    repositories.delete(work, *repository_of(request))


def _at_new_address(shaped: RepositoryObject) -> Reply:
    return Reply(shaped, 201, (("location", shaped.links.self.href),))


def _least(request: ApiRequest) -> Level | None:
    roles = request.query.get("role")
    if not roles:
        return None
    if roles[-1] not in _LEVEL_OF_ROLE:
        raise Invalid(f"role must be {', '.join(_LEVEL_OF_ROLE)}")
    return _LEVEL_OF_ROLE[roles[-1]]


def _body(request: ApiRequest) -> RepositoryBody:
    if not request.body:
        return RepositoryBody()
    return request_body.document(request.body, RepositoryBody, "a repository, such as {is_private, project: {key}}")


def _project_key(body: RepositoryBody) -> str | None:
    return body.project.key or None if isinstance(body.project, ProjectKey) else None


def _fields(body: RepositoryBody) -> Any:
    fields: dict[str, Any] = {
        name: value
        for name in ("name", "is_private", "description", "language", "has_issues", "has_wiki")
        if (value := getattr(body, name)) is not UNSET
    }
    if body.fork_policy:
        fields["fork_policy"] = parse_fork_policy(body.fork_policy)
    if isinstance(body.mainbranch, BranchName) and body.mainbranch.name:
        fields["mainbranch"] = body.mainbranch.name
    return fields
