"""Handlers of permissions on repositories: what groups and people were given there."""

from itertools import islice
from typing import Literal

import msgspec

from onebucket.actions import privileges
from onebucket.actions.privileges import PrivilegeFilter
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.ends import NEVER
from onebucket.domain.privileges import Level, parse_granted_level
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2.objects import RepositoryGroupPermission, RepositoryUserPermission
from onebucket.surfaces.v2.pages import PagedList, page_of
from onebucket.surfaces.v2.permission_shapes import PermissionShapes
from onebucket.surfaces.v2.places import repository_of
from onebucket.wire import request_body


class NewPermission(msgspec.Struct):
    """The body that sets a permission."""

    permission: Literal["read", "write", "admin"]


def list_of_groups(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List what groups have on a repository, set there or by their default."""
    listing = privileges.of_repository(work, *repository_of(request), _wanted(request))
    page, entries = page_of(request), [*listing]
    shape = PermissionShapes(request).of_group
    shown = islice(entries, page.offset, page.offset + page.limit)
    items = [shape(listing.owner, each.repository, each.roster.group, each.level, each.until) for each in shown]
    return PagedList(items, len(entries), page)


def read_of_group(work: UnitOfWork, request: ApiRequest) -> RepositoryGroupPermission:
    """Return what a group has on a repository; `none` when it has nothing."""
    found = privileges.of_group_there(work, *repository_of(request), request.path_parameters["group_slug"])
    return PermissionShapes(request).of_group(*found)


def set_for_group(work: UnitOfWork, request: ApiRequest) -> RepositoryGroupPermission:
    """Set what a group has on a repository."""
    slug, level = request.path_parameters["group_slug"], _level(request)
    privileges.set_for_group(work, *repository_of(request), slug, level, request.until())
    return read_of_group(work, request)


def remove_for_group(work: UnitOfWork, request: ApiRequest) -> None:
    """Let a group have nothing on a repository, whatever its default is."""
    privileges.set_for_group(work, *repository_of(request), request.path_parameters["group_slug"], Level.NONE, NEVER)


def list_of_users(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List what was given to people directly on a repository."""
    grants = [*privileges.list_direct(work, *repository_of(request), wanted=_wanted(request))]
    page = page_of(request)
    shown = grants[page.offset : page.offset + page.limit]
    return PagedList([*map(PermissionShapes(request).of_person, shown)], len(grants), page)


def read_of_user(work: UnitOfWork, request: ApiRequest) -> RepositoryUserPermission:
    """Return what was given to a person directly on a repository; `none` when nothing was."""
    found = privileges.of_person_there(work, *repository_of(request), request.path_parameters["selected_user_id"])
    return PermissionShapes(request).of_person(found)


def set_for_user(work: UnitOfWork, request: ApiRequest) -> RepositoryUserPermission:
    """Give a person a permission directly on a repository."""
    level, name = _level(request), request.path_parameters["selected_user_id"]
    given = privileges.grant_direct(work, *repository_of(request), name, level, request.until())
    return PermissionShapes(request).of_person(given)


def remove_for_user(work: UnitOfWork, request: ApiRequest) -> None:
    """Take what was given to a person directly on a repository."""
    privileges.unset_for_person(work, *repository_of(request), request.path_parameters["selected_user_id"])


def _wanted(request: ApiRequest) -> PrivilegeFilter:
    """Ask for no members, and for ends only if the request shows them."""
    return PrivilegeFilter(members=False, ends=request.includes("until"))


def _level(request: ApiRequest) -> Level:
    what = '{"permission": "read"}, or write or admin'
    return parse_granted_level(request_body.document(request.body, NewPermission, what).permission)
