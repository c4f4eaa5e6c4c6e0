"""Handlers of `/groups` (spec 3)."""

from collections.abc import Iterable
from dataclasses import replace

from onebucket.actions import groups
from onebucket.actions.work import Work
from onebucket.domain import privileges
from onebucket.domain.groups import Roster
from onebucket.domain.privileges import Level
from onebucket.surfaces.routing import Ask, Stream
from onebucket.surfaces.v1 import shapes
from onebucket.wire.bodies import Fields


def list_my_groups(work: Work, ask: Ask) -> list[shapes.Group] | Stream:
    """G1: without a filter all groups of the caller, with `group=account/slug` those of them."""
    # Some clients send several filters as one value, percent-encoded (spec G1).
    named = [name for value in ask.query.get("group", ()) for name in value.split("&group=")]
    if not named:
        return _shown(work, ask, groups.everywhere(work, members=_with_members(ask)))

    pairs = [(account, slug) for account, _, slug in (name.partition("/") for name in named)]
    return _shown(work, ask, groups.among(work, pairs, members=_with_members(ask)))


def list_groups(work: Work, ask: Ask) -> list[shapes.Group] | Stream:
    """G2."""
    return _shown(work, ask, groups.of_account(work, ask.words["accountname"], members=_with_members(ask)))


def create_group(work: Work, ask: Ask) -> shapes.Group | Stream:
    """G3."""
    fields = ask.fields()
    roster = groups.create(
        work,
        ask.words["accountname"],
        name=fields.text("name") or "",
        permission=_permission(fields) or Level.NONE,
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _told(ask, roster)


def read_group(work: Work, ask: Ask) -> shapes.Group | Stream:
    """G4."""
    roster = groups.read(work, ask.words["accountname"], ask.words["group_slug"], members=_with_members(ask))
    return shapes.group(roster, ask.base_url, _pending(work, ask))


def change_group(work: Work, ask: Ask) -> shapes.Group | Stream:
    """G5: what is omitted is kept, but for the two flags, which are then false."""
    fields = ask.fields()
    roster = groups.change(
        work,
        ask.words["accountname"],
        ask.words["group_slug"],
        name=fields.text("name"),
        permission=_permission(fields),
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _told(ask, roster)


def delete_group(work: Work, ask: Ask) -> None:
    """G6."""
    groups.delete(work, ask.words["accountname"], ask.words["group_slug"])


def list_members(work: Work, ask: Ask) -> list[shapes.User] | Stream:
    """G7."""
    return shapes.users(groups.members(work, ask.words["accountname"], ask.words["group_slug"]), ask.base_url)


def read_member(work: Work, ask: Ask) -> shapes.User:
    """G8."""
    found = groups.member(work, ask.words["accountname"], ask.words["group_slug"], ask.words["member"])
    return shapes.user(found, ask.base_url)


def add_member(work: Work, ask: Ask) -> shapes.User:
    """G9: the body is not read."""
    added = groups.add_member(work, ask.words["accountname"], ask.words["group_slug"], ask.words["member"])
    return shapes.user(added, ask.base_url)


def remove_member(work: Work, ask: Ask) -> None:
    """G10."""
    groups.remove_member(work, ask.words["accountname"], ask.words["group_slug"], ask.words["member"])


def _shown(work: Work, ask: Ask, rosters: Iterable[Roster]) -> list[shapes.Group] | Stream:
    """Groups that were read."""
    return shapes.groups(rosters, ask.base_url, _pending(work, ask))


def _pending(work: Work, ask: Ask) -> shapes.Pending:
    """Who is invited to groups that were read, where that is asked for."""
    return groups.invited(work) if "pending" in ask.query.get("include", ()) else lambda roster: None


def _told(ask: Ask, roster: Roster) -> shapes.Group | Stream:
    """A group that was changed, less its members where they are to be left out of every answer (spec 1.5)."""
    return shapes.group(roster if _with_members(ask) else replace(roster, members=None), ask.base_url)


def _with_members(ask: Ask) -> bool:
    return not ask.switched_on("exclude_members", "exclude-members")


def _permission(fields: Fields) -> Level | None:
    """None when the field was left out; `NONE` when it is null, empty or `none` (spec G5)."""
    if not fields.has("permission"):
        return None
    return privileges.named(fields.text("permission") or "none", none=True)
