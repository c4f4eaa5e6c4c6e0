"""Handlers of projects and of the permissions on them."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from onebucket.actions import project_privileges, projects
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.projects import ProjectLevel, normal_key, parse_project_level
from onebucket.surfaces.core.surface import ApiRequest, Reply
from onebucket.surfaces.v2 import lists
from onebucket.surfaces.v2.list_fields import BOOLEAN, MOMENT, TEXT, UUID, Field
from onebucket.surfaces.v2.pages import PagedList
from onebucket.surfaces.v2.places import project_of
from onebucket.surfaces.v2.project_objects import ProjectGroupPermission, ProjectObject, ProjectUserPermission
from onebucket.surfaces.v2.project_shapes import ProjectShapes
from onebucket.wire import request_body

# What a list of projects can be asked by.
FIELDS_OF_PROJECTS = {
    "uuid": Field(UUID, "project.id"),
    "key": Field(TEXT, "project.key"),
    "name": Field(TEXT, "project.name"),
    "description": Field(TEXT, "project.description"),
    "is_private": Field(BOOLEAN, "project.is_private"),
    "created_on": Field(MOMENT, "project.created_at"),
    "updated_on": Field(MOMENT, "project.updated_at"),
}


# Rules that the domain checks, with a plainer sentence: the schema only says them.
_Key = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Z][A-Z0-9_]{0,127}$"})]
_Name = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 255})]
_Permission = Annotated[str, Meta(extra_json_schema={"enum": ["read", "write", "create-repo", "admin"]})]


class NewProject(Struct):
    """The body that creates a project."""

    key: _Key
    name: _Name
    description: str | None = None
    is_private: bool | None = None


class ProjectChange(Struct):
    """The body that changes a project; fields left out keep their value."""

    key: _Key | UnsetType = UNSET
    name: _Name | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    is_private: bool | UnsetType | None = UNSET


class NewProjectPermission(Struct):
    """The body that sets a permission on a project."""

    permission: _Permission


def list_projects(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the projects of a workspace that the caller can see."""
    listing, shape = lists.read(request, FIELDS_OF_PROJECTS), ProjectShapes(request).project
    page = listing.of(projects.listed(work, request.path_parameters["workspace"]))
    return listing.paged([shape(each) for each in page.items], page.size)


def read_project(work: UnitOfWork, request: ApiRequest) -> ProjectObject:
    """Return one project."""
    return ProjectShapes(request).project(projects.read(work, *project_of(request)))


def create_project(work: UnitOfWork, request: ApiRequest) -> ProjectObject:
    """Create a project, private unless the body says otherwise."""
    body = request_body.document(request.body, NewProject, "a project: {key, name, description, is_private}")
    workspace = request.path_parameters["workspace"]
    is_private = True if body.is_private is None else body.is_private
    made = projects.create(
        work, workspace, body.key, name=body.name, description=body.description or "", is_private=is_private
    )
    return ProjectShapes(request).project(projects.read(work, workspace, made.key))


def change_project(work: UnitOfWork, request: ApiRequest) -> ProjectObject | Reply:
    """Change a project; with another key it moves, which is answered with 201 and its new address."""
    body = request_body.document(request.body, ProjectChange, "a project: {key, name, description, is_private}")
    workspace, key = project_of(request)
    changed = projects.change(
        work,
        workspace,
        key,
        new_key=None if body.key is UNSET else body.key,
        name=None if body.name is UNSET else body.name,
        description=None if body.description is UNSET else body.description or "",
        is_private=None if body.is_private is UNSET else body.is_private,
    )
    shaped = ProjectShapes(request).project(projects.read(work, workspace, changed.key))
    moved = Reply(shaped, 201, (("location", shaped.links["self"].href),))
    return shaped if changed.key == normal_key(key) else moved


def delete_project(work: UnitOfWork, request: ApiRequest) -> None:
    """Delete a project that has no repositories."""
    projects.delete(work, *project_of(request))


def list_of_groups(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the groups that have something on a project."""
    listing, shape = lists.read(request, {}), ProjectShapes(request).group_permission
    page = listing.of(project_privileges.of_groups(work, *project_of(request)))
    return listing.paged([shape(each) for each in page.items], page.size)


def read_of_group(work: UnitOfWork, request: ApiRequest) -> ProjectGroupPermission:
    """Return what a group has on a project; `none` when it has nothing."""
    grant = project_privileges.of_group(work, *project_of(request), request.path_parameters["group_slug"])
    return ProjectShapes(request).group_permission(grant)


def set_for_group(work: UnitOfWork, request: ApiRequest) -> ProjectGroupPermission:
    """Set what a group has on a project."""
    slug, level = request.path_parameters["group_slug"], _level(request)
    return ProjectShapes(request).group_permission(
        project_privileges.set_for_group(work, *project_of(request), slug, level, request.until())
    )


def remove_for_group(work: UnitOfWork, request: ApiRequest) -> None:
    """Take away what a group has on a project."""
    project_privileges.unset_for_group(work, *project_of(request), request.path_parameters["group_slug"])


def list_of_users(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List what was given to people directly on a project."""
    listing, shape = lists.read(request, {}), ProjectShapes(request).user_permission
    page = listing.of(project_privileges.of_people(work, *project_of(request)))
    return listing.paged([shape(each) for each in page.items], page.size)


def read_of_user(work: UnitOfWork, request: ApiRequest) -> ProjectUserPermission:
    """Return what was given to a person directly on a project; `none` when nothing was."""
    grant = project_privileges.of_person(work, *project_of(request), request.path_parameters["selected_user_id"])
    return ProjectShapes(request).user_permission(grant)


def set_for_user(work: UnitOfWork, request: ApiRequest) -> ProjectUserPermission:
    """Give a person a permission directly on a project."""
    name, level = request.path_parameters["selected_user_id"], _level(request)
    return ProjectShapes(request).user_permission(
        project_privileges.set_for_person(work, *project_of(request), name, level, request.until())
    )


def remove_for_user(work: UnitOfWork, request: ApiRequest) -> None:
    """Take what was given to a person directly on a project."""
    project_privileges.unset_for_person(work, *project_of(request), request.path_parameters["selected_user_id"])


def _level(request: ApiRequest) -> ProjectLevel:
    what = '{"permission": "read"}, or write, create-repo or admin'
    return parse_project_level(request_body.document(request.body, NewProjectPermission, what).permission)
