"""Handlers of privileges: of groups, of people, and of groups on the account itself.

`/group-privileges`: contract/api-1.0.md#4; `/privileges` and `/users/{a}/privileges`: contract/api-1.0.md#7.
"""

from onebucket.actions import account_privileges, privileges
from onebucket.actions.privileges import PrivilegeFilter
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges as domain
from onebucket.domain.groups import parse_account_privilege
from onebucket.domain.privileges import Level
from onebucket.surfaces.core.surface import ApiRequest, StreamedList
from onebucket.surfaces.v1 import shapes


def list_of_account(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """List every repository and group of an account where the group has a privilege (contract/api-1.0.md#p1)."""
    return shapes.privileges(
        privileges.of_account(work, request.path_parameters["accountname"], _filter(request)), request.base_url
    )


def list_of_repository(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """List the groups that have a privilege on a repository (contract/api-1.0.md#p2)."""
    listing = privileges.of_repository(
        work, request.path_parameters["accountname"], request.path_parameters["repo_slug"], _filter(request)
    )
    return shapes.privileges(listing, request.base_url)


def read_one(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """Return one group's privilege on one repository, as a list of one or none (contract/api-1.0.md#p3)."""
    return shapes.privileges(privileges.one(work, *_group_on_repository(request), _filter(request)), request.base_url)


def list_of_group(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """List the repositories on which a group has a privilege (contract/api-1.0.md#p4)."""
    account, owner, slug = (request.path_parameters[name] for name in ("accountname", "group_owner", "group_slug"))
    return shapes.privileges(privileges.of_group(work, account, owner, slug, _filter(request)), request.base_url)


def grant(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """Set a group's privilege on a repository (contract/api-1.0.md#p5).

    The body is a bare word, whatever its Content-Type says.
    """
    level = domain.parse_granted_level(request.word())
    return shapes.privileges(
        privileges.grant(work, *_group_on_repository(request), level, _filter(request), request.until()),
        request.base_url,
    )


def revoke(work: UnitOfWork, request: ApiRequest) -> None:
    """Revoke a group's privilege on a repository, its default included (contract/api-1.0.md#p6)."""
    privileges.revoke(work, *_group_on_repository(request))


def revoke_everywhere(work: UnitOfWork, request: ApiRequest) -> None:
    """Revoke a group's privileges on all repositories (contract/api-1.0.md#p7)."""
    account, owner, slug = (request.path_parameters[name] for name in ("accountname", "group_owner", "group_slug"))
    privileges.revoke_everywhere(work, account, owner, slug)


def list_direct(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """List direct privileges: of an account, a repository, or one person there (contract/api-1.0.md#7)."""
    grants = privileges.list_direct(work, *_direct_target(request), wanted=_filter(request))
    return shapes.direct_privileges(grants, request.base_url)


def give(work: UnitOfWork, request: ApiRequest) -> list[shapes.DirectPrivilege]:
    """Grant a person a privilege directly; the body is a bare word (contract/api-1.0.md#7)."""
    level = domain.parse_granted_level(request.word())
    account, slug, name = (request.path_parameters[key] for key in ("accountname", "repo_slug", "user"))
    grant = privileges.grant_direct(work, account, slug, name, level, request.until())
    return [shapes.direct_privilege(grant, request.base_url, with_end=request.includes("until"))]


def take(work: UnitOfWork, request: ApiRequest) -> None:
    """Revoke direct privileges: of an account, a repository, or one person there (contract/api-1.0.md#7)."""
    privileges.revoke_direct(work, *_direct_target(request))


def list_account_privileges(work: UnitOfWork, request: ApiRequest) -> dict[str, str]:
    """Map each group (`account/slug`) to its privilege on the account itself (contract/api-1.0.md#7)."""
    owner, grants = account_privileges.of_account(work, request.path_parameters["accountname"])
    return {f"{owner.username}/{slug}": privilege.value for slug, privilege in grants.items()}


def read_account_privilege(work: UnitOfWork, request: ApiRequest) -> dict[str, str]:
    """Return one group's privilege on the account itself (contract/api-1.0.md#7)."""
    owner, privilege = account_privileges.of_group(work, *_account_group(request))
    return {f"{owner.username}/{request.path_parameters['group_slug']}": privilege.value}


def set_account_privilege(work: UnitOfWork, request: ApiRequest) -> dict[str, str]:
    """Set one group's privilege on the account itself: `admin` or `collaborator` (contract/api-1.0.md#7)."""
    privilege = parse_account_privilege(request.fields().text("privileges") or "")
    owner = account_privileges.set_for_group(work, *_account_group(request), privilege)
    return {f"{owner.username}/{request.path_parameters['group_slug']}": privilege.value}


def end_account_privilege(work: UnitOfWork, request: ApiRequest) -> None:
    """Revoke a group's privilege on the account itself (contract/api-1.0.md#7).

    Raises NotFound if it has none.
    """
    account_privileges.end_for_group(work, *_account_group(request))


def _group_on_repository(request: ApiRequest) -> tuple[str, str, str, str]:
    parameters = request.path_parameters
    return parameters["accountname"], parameters["repo_slug"], parameters["group_owner"], parameters["group_slug"]


def _direct_target(request: ApiRequest) -> tuple[str, str | None, str | None]:
    return (
        request.path_parameters["accountname"],
        request.path_parameters.get("repo_slug"),
        request.path_parameters.get("user"),
    )


def _account_group(request: ApiRequest) -> tuple[str, str, str]:
    return (
        request.path_parameters["accountname"],
        request.path_parameters["group_owner"],
        request.path_parameters["group_slug"],
    )


def _filter(request: ApiRequest) -> PrivilegeFilter:
    levels = request.query.get("filter", ())
    return PrivilegeFilter(
        least=domain.parse_level(levels[-1]) if levels else Level.READ,
        private=request.is_flag_set("private"),
        members=not request.is_flag_set("exclude_members", "exclude-members"),
        ends=request.includes("until"),
    )
