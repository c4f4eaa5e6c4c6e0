"""Handlers of `/workspaces` and of the workspaces the caller is in."""

from onebucket.actions import workspaces
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.domain.workspaces import Role
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2 import list_fields, lists, shapes
from onebucket.surfaces.v2.errors import ListGone
from onebucket.surfaces.v2.fields import wants
from onebucket.surfaces.v2.list_fields import EMAIL, MOMENT, TEXT, UUID, Field, FieldTable
from onebucket.surfaces.v2.objects import Workspace, WorkspaceMembership
from onebucket.surfaces.v2.pages import PagedList
from onebucket.surfaces.v2.shapes import Shapes

# What `role` means in the lists of the caller's own workspaces.
_ROLES = {role.value: role for role in Role}

# What the lists can be asked by.
_PERMISSION = Field(list_fields.words({role.value: role.rank for role in Role}), "rank")
FIELDS_OF_WORKSPACES: FieldTable = {
    "slug": Field(TEXT, "username"),
    "name": Field(TEXT, "display_name"),
    "uuid": Field(UUID, "id"),
    "created_on": Field(MOMENT, "created_at"),
}
FIELDS_OF_OWN_MEMBERSHIPS: FieldTable = {
    "slug": Field(TEXT, "username"),
    "workspace.slug": Field(TEXT, "username"),
    "workspace.name": Field(TEXT, "display_name"),
    "workspace.uuid": Field(UUID, "id"),
    "permission": _PERMISSION,
}
FIELDS_OF_MEMBERS: FieldTable = {
    "user.uuid": Field(UUID, "id"),
    "user.account_id": Field(TEXT, "aaid"),
    "user.username": Field(TEXT, "username"),
    "user.nickname": Field(TEXT, "nickname"),
    "user.display_name": Field(TEXT, "display_name"),
    "user.email": Field(EMAIL, "email_key", is_sortable=False),
    "permission": _PERMISSION,
}


def require_cross_workspace_lists(request: ApiRequest) -> None:
    """Refuse a list over all workspaces where the setting says that there is none any more. Raises ListGone."""
    if request.cross_workspace_lists == "gone":
        raise ListGone


def read_workspace(work: UnitOfWork, request: ApiRequest) -> Workspace:
    """Return a workspace."""
    return Shapes(request.base_url).workspace(workspaces.workspace(work, request.path_parameters["workspace"]))


def list_workspaces(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the workspaces that the caller is in (contract/api-2.0.md#9.4)."""
    require_cross_workspace_lists(request)
    listing, shape = lists.read(request, FIELDS_OF_WORKSPACES), Shapes(request.base_url).workspace
    found, size = workspaces.own_workspaces(work, listing.query, least=_role(request))
    return listing.paged([shape(each.workspace) for each in found], size)


def list_workspace_access(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the workspaces that the caller is in, and whether they administer each."""
    listing, shape = lists.read(request, FIELDS_OF_OWN_MEMBERSHIPS), Shapes(request.base_url).workspace_access
    least = Role.OWNER if request.is_flag_set("administrator") else Role.MEMBER
    found, size = workspaces.own_workspaces(work, listing.query, least=least)
    return listing.paged([shape(each, administrator=each.role is Role.OWNER) for each in found], size)


def list_own_memberships(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List what the caller is in each workspace (contract/api-2.0.md#9.4)."""
    require_cross_workspace_lists(request)
    listing, shape = lists.read(request, FIELDS_OF_OWN_MEMBERSHIPS), Shapes(request.base_url).membership
    found, size = workspaces.own_workspaces(work, listing.query, least=Role.COLLABORATOR)
    return listing.paged([shape(each, with_permission=True) for each in found], size)


def read_own_membership(work: UnitOfWork, request: ApiRequest) -> WorkspaceMembership:
    """Return what the caller is in one workspace."""
    membership = workspaces.own_membership(work, request.path_parameters["workspace"])
    return Shapes(request.base_url).membership(membership, with_permission=True)


def list_members(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List everybody who is in a group of the workspace."""
    return _people(work, request, is_whole=False)


def list_permissions(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List everybody in the workspace, and as what."""
    return _people(work, request, is_whole=True)


def read_member(work: UnitOfWork, request: ApiRequest) -> WorkspaceMembership:
    """Return one member of the workspace."""
    membership = workspaces.member(work, request.path_parameters["workspace"], request.path_parameters["member"])
    asked = wants(request, shapes.EMAIL), wants(request, shapes.FACTOR)
    return Shapes(request.base_url).membership(membership, with_email=asked[0], with_factor=asked[1])


def _people(work: UnitOfWork, request: ApiRequest, *, is_whole: bool) -> PagedList:
    listing, name = lists.read(request, FIELDS_OF_MEMBERS), request.path_parameters["workspace"]
    found, size = workspaces.members(work, name, listing.query, with_collaborators=is_whole)
    shape = Shapes(request.base_url).membership
    asked = {
        "with_email": wants(request, f"values.{shapes.EMAIL}"),
        "with_factor": wants(request, f"values.{shapes.FACTOR}"),
    }
    people = [shape(each, with_permission=is_whole, **asked) for each in found]
    return listing.paged(people, size)


def _role(request: ApiRequest) -> Role:
    name = request.query.get("role", ["collaborator"])[-1]
    if name not in _ROLES:
        raise Invalid(f"role must be {', '.join(_ROLES)}")
    return _ROLES[name]
