"""Handlers of `/groups` (contract/api-1.0.md#3)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from onebucket.actions import groups, member_ends
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.privileges import Level
from onebucket.surfaces.core.surface import ApiRequest, StreamedList
from onebucket.surfaces.v1 import shapes
from onebucket.wire.request_body import BodyFields


def list_my_groups(work: UnitOfWork, request: ApiRequest) -> list[shapes.Group] | StreamedList:
    """List all groups the caller administers or is in, or those named by `group=account/slug`.

    See contract/api-1.0.md#g1.
    """
    # Some clients percent-encode several filters into one value: `a/x&group=b/y`.
    requested = [name for value in request.query.get("group", ()) for name in value.split("&group=")]
    if not requested:
        return _list_response(work, request, groups.everywhere(work, members=_with_members(request)))

    pairs = [(account, slug) for account, _, slug in (name.partition("/") for name in requested)]
    return _list_response(work, request, groups.among(work, pairs, members=_with_members(request)))


def list_groups(work: UnitOfWork, request: ApiRequest) -> list[shapes.Group] | StreamedList:
    """List an account's groups: all for its administrators, their own for members (contract/api-1.0.md#g2)."""
    return _list_response(
        work, request, groups.of_account(work, request.path_parameters["accountname"], members=_with_members(request))
    )


def create_group(work: UnitOfWork, request: ApiRequest) -> shapes.Group | StreamedList:
    """Create a group without members (contract/api-1.0.md#g3)."""
    fields = request.fields()
    roster = groups.create(
        work,
        request.path_parameters["accountname"],
        name=fields.text("name") or "",
        permission=_permission(fields) or Level.NONE,
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _changed_response(request, roster)


def read_group(work: UnitOfWork, request: ApiRequest) -> shapes.Group | StreamedList:
    """Return one group (contract/api-1.0.md#g4)."""
    roster = groups.read(
        work,
        request.path_parameters["accountname"],
        request.path_parameters["group_slug"],
        members=_with_members(request),
    )
    return shapes.group(roster, request.base_url, *_included(work, request))


def change_group(work: UnitOfWork, request: ApiRequest) -> shapes.Group | StreamedList:
    """Change a group; omitted fields keep their value, omitted flags become false (contract/api-1.0.md#g5)."""
    fields = request.fields()
    roster = groups.change(
        work,
        request.path_parameters["accountname"],
        request.path_parameters["group_slug"],
        name=fields.text("name"),
        permission=_permission(fields),
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _changed_response(request, roster)


def delete_group(work: UnitOfWork, request: ApiRequest) -> None:
    """Delete a group with its memberships and privileges (contract/api-1.0.md#g6)."""
    groups.delete(work, request.path_parameters["accountname"], request.path_parameters["group_slug"])


def list_members(work: UnitOfWork, request: ApiRequest) -> list[shapes.User] | StreamedList:
    """List a group's members in the order they were added (contract/api-1.0.md#g7)."""
    account, slug = request.path_parameters["accountname"], request.path_parameters["group_slug"]
    return shapes.users(groups.members(work, account, slug), request.base_url, _ends(work, request))


def read_member(work: UnitOfWork, request: ApiRequest) -> shapes.User:
    """Return one member of a group (contract/api-1.0.md#g8)."""
    member = groups.member(
        work,
        request.path_parameters["accountname"],
        request.path_parameters["group_slug"],
        request.path_parameters["member"],
    )
    return shapes.user(member, request.base_url, _ends(work, request).get(member.id))


def add_member(work: UnitOfWork, request: ApiRequest) -> shapes.User:
    """Add a person to a group; the body is ignored (contract/api-1.0.md#g9). With `until`, a member's end is moved."""
    member = groups.add_member(
        work,
        request.path_parameters["accountname"],
        request.path_parameters["group_slug"],
        request.path_parameters["member"],
        request.until(),
    )
    return shapes.user(member, request.base_url, _ends(work, request).get(member.id))


def _ends(work: UnitOfWork, request: ApiRequest) -> Mapping[str, datetime]:
    """Look up when memberships end if `include=until` asks for it."""
    if not request.includes("until"):
        return {}
    return member_ends.of_group(work, request.path_parameters["accountname"], request.path_parameters["group_slug"])


def remove_member(work: UnitOfWork, request: ApiRequest) -> None:
    """Remove a person, or the caller, from a group (contract/api-1.0.md#g10)."""
    groups.remove_member(
        work,
        request.path_parameters["accountname"],
        request.path_parameters["group_slug"],
        request.path_parameters["member"],
    )


def _list_response(
    work: UnitOfWork, request: ApiRequest, rosters: Iterable[GroupWithMembers]
) -> list[shapes.Group] | StreamedList:
    return shapes.groups(rosters, request.base_url, *_included(work, request))


def _included(work: UnitOfWork, request: ApiRequest) -> tuple[shapes.Pending, shapes.MemberEnds]:
    """Look up pending invitations if `include=pending` asks for them, and when memberships end for `include=until`."""
    return (
        groups.invited(work) if request.includes("pending") else lambda roster: None,
        member_ends.of_listed(work) if request.includes("until") else lambda roster: {},
    )


def _changed_response(request: ApiRequest, roster: GroupWithMembers) -> shapes.Group | StreamedList:
    """Shape a changed group, without its members if `exclude_members` is set (contract/api-1.0.md#1.5)."""
    return shapes.group(roster if _with_members(request) else replace(roster, members=None), request.base_url)


def _with_members(request: ApiRequest) -> bool:
    return not request.is_flag_set("exclude_members", "exclude-members")


def _permission(fields: BodyFields) -> Level | None:
    """Return None if the field is omitted, `NONE` if it is null, empty or `none` (contract/api-1.0.md#g5)."""
    if not fields.has("permission"):
        return None
    return privileges.parse_level(fields.text("permission") or "none", none=True)
