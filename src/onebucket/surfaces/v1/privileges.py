"""Handlers of `/group-privileges`, `/privileges` and `/users/{a}/privileges` (contract/api-1.0.md#4)."""

from onebucket.actions import groups, privileges
from onebucket.actions.privileges import PrivilegeFilter
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges as domain
from onebucket.domain.groups import parse_account_privilege
from onebucket.domain.privileges import Level
from onebucket.surfaces.routing import ApiRequest, StreamedList
from onebucket.surfaces.v1 import shapes


def list_of_account(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """P1."""
    return shapes.privileges(
        privileges.of_account(work, ask.path_parameters["accountname"], _wanted(ask)), ask.base_url
    )


def list_of_repository(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """P2."""
    listing = privileges.of_repository(
        work, ask.path_parameters["accountname"], ask.path_parameters["repo_slug"], _wanted(ask)
    )
    return shapes.privileges(listing, ask.base_url)


def read_one(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """P3: an array of one, or of none."""
    return shapes.privileges(privileges.one(work, *_named(ask), _wanted(ask)), ask.base_url)


def list_of_group(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """P4."""
    account, owner, slug = (ask.path_parameters[name] for name in ("accountname", "group_owner", "group_slug"))
    return shapes.privileges(privileges.of_group(work, account, owner, slug, _wanted(ask)), ask.base_url)


def grant(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """P5: the body is a bare word, whatever its type is said to be."""
    level = domain.parse_granted_level(ask.word())
    return shapes.privileges(privileges.grant(work, *_named(ask), level, _wanted(ask)), ask.base_url)


def revoke(work: UnitOfWork, ask: ApiRequest) -> None:
    """P6."""
    privileges.revoke(work, *_named(ask))


def revoke_everywhere(work: UnitOfWork, ask: ApiRequest) -> None:
    """P7."""
    account, owner, slug = (ask.path_parameters[name] for name in ("accountname", "group_owner", "group_slug"))
    privileges.revoke_everywhere(work, account, owner, slug)


def list_direct(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """What was given to people directly: in an account, on a repository, or to one person there."""
    found = privileges.list_direct(work, *_given(ask), wanted=_wanted(ask))
    return shapes.direct_privileges(found, ask.base_url)


def give(work: UnitOfWork, ask: ApiRequest) -> list[shapes.DirectPrivilege]:
    """Give a person something directly; the body is a bare word."""
    level = domain.parse_granted_level(ask.word())
    account, slug, name = (ask.path_parameters[key] for key in ("accountname", "repo_slug", "user"))
    return [shapes.direct_privilege(privileges.grant_direct(work, account, slug, name, level), ask.base_url)]


def take(work: UnitOfWork, ask: ApiRequest) -> None:
    """Take what was given directly."""
    privileges.revoke_direct(work, *_given(ask))


def list_account_privileges(work: UnitOfWork, ask: ApiRequest) -> dict[str, str]:
    """What groups may do with the account itself, by `account/slug`."""
    owner, found = groups.account_privileges(work, ask.path_parameters["accountname"])
    return {f"{owner.username}/{slug}": privilege.value for slug, privilege in found.items()}


def read_account_privilege(work: UnitOfWork, ask: ApiRequest) -> dict[str, str]:
    """What one group may do with the account itself."""
    owner, privilege = groups.account_privilege(work, *_account_group(ask))
    return {f"{owner.username}/{ask.path_parameters['group_slug']}": privilege.value}


def set_account_privilege(work: UnitOfWork, ask: ApiRequest) -> dict[str, str]:
    """Say what one group may do with the account itself."""
    privilege = parse_account_privilege(ask.fields().text("privileges") or "")
    owner = groups.set_account_privilege_of(work, *_account_group(ask), privilege)
    return {f"{owner.username}/{ask.path_parameters['group_slug']}": privilege.value}


def end_account_privilege(work: UnitOfWork, ask: ApiRequest) -> None:
    """Let a group do nothing with the account itself any more."""
    groups.account_privilege(work, *_account_group(ask))
    groups.set_account_privilege_of(work, *_account_group(ask), None)


def _named(ask: ApiRequest) -> tuple[str, str, str, str]:
    words = ask.path_parameters
    return words["accountname"], words["repo_slug"], words["group_owner"], words["group_slug"]


def _given(ask: ApiRequest) -> tuple[str, str | None, str | None]:
    return ask.path_parameters["accountname"], ask.path_parameters.get("repo_slug"), ask.path_parameters.get("user")


def _account_group(ask: ApiRequest) -> tuple[str, str, str]:
    return ask.path_parameters["accountname"], ask.path_parameters["group_owner"], ask.path_parameters["group_slug"]


def _wanted(ask: ApiRequest) -> PrivilegeFilter:
    words = ask.query.get("filter", ())
    return PrivilegeFilter(
        least=domain.parse_level(words[-1]) if words else Level.READ,
        private=ask.is_flag_set("private"),
        members=not ask.is_flag_set("exclude_members", "exclude-members"),
    )
