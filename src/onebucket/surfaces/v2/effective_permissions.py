"""Handlers of lists of effective permissions: the level of everybody, or of the caller, on each repository."""

from collections.abc import Iterable

from onebucket.actions import effective_permissions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.domain.accounts import Account
from onebucket.domain.level_pages import Permission
from onebucket.domain.privileges import Level
from onebucket.surfaces.core.surface import ApiRequest, Route
from onebucket.surfaces.v2 import list_fields, lists
from onebucket.surfaces.v2.fields import FIELDS
from onebucket.surfaces.v2.list_fields import TEXT, UUID, Field, FieldTable
from onebucket.surfaces.v2.lists import Listing
from onebucket.surfaces.v2.objects import RepositoryPermission
from onebucket.surfaces.v2.pages import PagedList, PageDocument
from onebucket.surfaces.v2.shapes import Shapes
from onebucket.surfaces.v2.workspaces import require_cross_workspace_lists

# What the lists can be asked by; the names of fields are those of `domain/level_pages.py`.
FIELDS_OF_OWN_PERMISSIONS: FieldTable = {
    "permission": Field(list_fields.words({level.word: int(level) for level in Level}), "level"),
    "repository.full_name": Field(TEXT, "repository.full_name"),
    "repository.name": Field(TEXT, "repository.name"),
    "repository.slug": Field(TEXT, "repository.slug"),
    "repository.uuid": Field(UUID, "repository.id"),
}
FIELDS_OF_PERMISSIONS: FieldTable = {
    **FIELDS_OF_OWN_PERMISSIONS,
    "user.uuid": Field(UUID, "user.id"),
    "user.account_id": Field(TEXT, "user.aaid"),
    "user.username": Field(TEXT, "user.username"),
    "user.nickname": Field(TEXT, "user.nickname"),
    "user.display_name": Field(TEXT, "user.display_name"),
}


def list_in_workspace(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List everybody's level on each repository of a workspace (contract/api-2.0.md#9.9)."""
    listing, name = lists.read(request, FIELDS_OF_PERMISSIONS), request.path_parameters["workspace"]
    owner, found, size = effective_permissions.of_account(work, name, listing.query)
    return _paged(request, listing, ((owner, each) for each in found), size)


def list_on_repository(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List everybody's level on one repository (contract/api-2.0.md#9.9)."""
    listing, name = lists.read(request, FIELDS_OF_PERMISSIONS), request.path_parameters["workspace"]
    slug = request.path_parameters["repo_slug"]
    owner, found, size = effective_permissions.of_repository(work, name, slug, listing.query)
    return _paged(request, listing, ((owner, each) for each in found), size)


def list_own_in_workspace(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the caller's level on each repository of a workspace."""
    listing, name = lists.read(request, FIELDS_OF_OWN_PERMISSIONS), request.path_parameters["workspace"]
    return _paged(request, listing, *effective_permissions.own(work, listing.query, account_name=name))


def list_own(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List the caller's level on each repository of all workspaces (contract/api-2.0.md#9.4)."""
    require_cross_workspace_lists(request)
    listing = lists.read(request, FIELDS_OF_OWN_PERMISSIONS)
    return _paged(request, listing, *effective_permissions.own(work, listing.query))


def _paged(request: ApiRequest, listing: Listing, found: Iterable[tuple[Account, Permission]], size: int) -> PagedList:
    shapes = Shapes(request.base_url)
    items = [
        RepositoryPermission(
            permission=each.level.word,
            user=shapes.user(each.person),
            repository=shapes.repository_name(owner, each.repository),
        )
        for owner, each in found
    ]
    return listing.paged(items, size)


_THERE = "/workspaces/{workspace}/permissions/repositories"
_OF_OWN, _OF_ALL = ((*lists.parameters(table), FIELDS) for table in (FIELDS_OF_OWN_PERMISSIONS, FIELDS_OF_PERMISSIONS))

ROUTES = (
    Route("GET", _THERE, list_in_workspace, scope_rules.CHECK_ACCESS, "listEffectivePermissions",
          "Everybody's level on each repository, through whatever", PageDocument[RepositoryPermission],
          query=_OF_ALL, errors=(403, 404)),
    Route("GET", f"{_THERE}/{{repo_slug}}", list_on_repository, scope_rules.CHECK_ACCESS,
          "listEffectivePermissionsThere", "Everybody's level on one repository, through whatever",
          PageDocument[RepositoryPermission], query=_OF_ALL, errors=(403, 404)),
    Route("GET", "/user/workspaces/{workspace}/permissions/repositories", list_own_in_workspace,
          scope_rules.READ_REPOSITORIES, "listOwnPermissionsInWorkspace",
          "Your level on each repository of a workspace", PageDocument[RepositoryPermission],
          query=_OF_OWN, errors=(404,)),
    Route("GET", "/user/permissions/repositories", list_own, scope_rules.READ_REPOSITORIES, "listOwnPermissions",
          "Your level on each repository of all workspaces", PageDocument[RepositoryPermission],
          query=_OF_OWN, errors=(410,)),
)  # fmt: skip
