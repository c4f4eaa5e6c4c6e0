"""Handlers of `/groups` (contract/api-1.0.md#3)."""

from collections.abc import Iterable
from dataclasses import replace

from onebucket.actions import groups
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.privileges import Level
from onebucket.surfaces.routing import ApiRequest, StreamedList
from onebucket.surfaces.v1 import shapes
from onebucket.wire.request_body import BodyFields


def list_my_groups(work: UnitOfWork, ask: ApiRequest) -> list[shapes.Group] | StreamedList:
    """G1: without a filter all groups of the caller, with `group=account/slug` those of them."""
    # Some clients send several filters as one value, percent-encoded (contract/api-1.0.md#g1).
    named = [name for value in ask.query.get("group", ()) for name in value.split("&group=")]
    if not named:
        return _group_shape(work, ask, groups.everywhere(work, members=_with_members(ask)))

    pairs = [(account, slug) for account, _, slug in (name.partition("/") for name in named)]
    return _group_shape(work, ask, groups.among(work, pairs, members=_with_members(ask)))


def list_groups(work: UnitOfWork, ask: ApiRequest) -> list[shapes.Group] | StreamedList:
    """G2."""
    return _group_shape(
        work, ask, groups.of_account(work, ask.path_parameters["accountname"], members=_with_members(ask))
    )


def create_group(work: UnitOfWork, ask: ApiRequest) -> shapes.Group | StreamedList:
    """G3."""
    fields = ask.fields()
    roster = groups.create(
        work,
        ask.path_parameters["accountname"],
        name=fields.text("name") or "",
        permission=_permission(fields) or Level.NONE,
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _respond(ask, roster)


def read_group(work: UnitOfWork, ask: ApiRequest) -> shapes.Group | StreamedList:
    """G4."""
    roster = groups.read(
        work, ask.path_parameters["accountname"], ask.path_parameters["group_slug"], members=_with_members(ask)
    )
    return shapes.group(roster, ask.base_url, _pending(work, ask))


def change_group(work: UnitOfWork, ask: ApiRequest) -> shapes.Group | StreamedList:
    """G5: what is omitted is kept, but for the two flags, which are then false."""
    fields = ask.fields()
    roster = groups.change(
        work,
        ask.path_parameters["accountname"],
        ask.path_parameters["group_slug"],
        name=fields.text("name"),
        permission=_permission(fields),
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _respond(ask, roster)


def delete_group(work: UnitOfWork, ask: ApiRequest) -> None:
    """G6."""
    groups.delete(work, ask.path_parameters["accountname"], ask.path_parameters["group_slug"])


def list_members(work: UnitOfWork, ask: ApiRequest) -> list[shapes.User] | StreamedList:
    """G7."""
    return shapes.users(
        groups.members(work, ask.path_parameters["accountname"], ask.path_parameters["group_slug"]), ask.base_url
    )


def read_member(work: UnitOfWork, ask: ApiRequest) -> shapes.User:
    """G8."""
    found = groups.member(
        work, ask.path_parameters["accountname"], ask.path_parameters["group_slug"], ask.path_parameters["member"]
    )
    return shapes.user(found, ask.base_url)


def add_member(work: UnitOfWork, ask: ApiRequest) -> shapes.User:
    """G9: the body is not read."""
    added = groups.add_member(
        work, ask.path_parameters["accountname"], ask.path_parameters["group_slug"], ask.path_parameters["member"]
    )
    return shapes.user(added, ask.base_url)


def remove_member(work: UnitOfWork, ask: ApiRequest) -> None:
    """G10."""
    groups.remove_member(
        work, ask.path_parameters["accountname"], ask.path_parameters["group_slug"], ask.path_parameters["member"]
    )


def _group_shape(
    work: UnitOfWork, ask: ApiRequest, rosters: Iterable[GroupWithMembers]
) -> list[shapes.Group] | StreamedList:
    """Groups that were read."""
    return shapes.groups(rosters, ask.base_url, _pending(work, ask))


def _pending(work: UnitOfWork, ask: ApiRequest) -> shapes.Pending:
    """Who is invited to groups that were read, where that is asked for."""
    return groups.invited(work) if "pending" in ask.query.get("include", ()) else lambda roster: None


def _respond(ask: ApiRequest, roster: GroupWithMembers) -> shapes.Group | StreamedList:
    """A group that was changed, less its members where they are to be left out of every answer (contract/api-1.0.md#1.5)."""
    return shapes.group(roster if _with_members(ask) else replace(roster, members=None), ask.base_url)


def _with_members(ask: ApiRequest) -> bool:
    return not ask.is_flag_set("exclude_members", "exclude-members")


def _permission(fields: BodyFields) -> Level | None:
    """None when the field was left out; `NONE` when it is null, empty or `none` (contract/api-1.0.md#g5)."""
    if not fields.has("permission"):
        return None
    return privileges.parse_level(fields.text("permission") or "none", none=True)
