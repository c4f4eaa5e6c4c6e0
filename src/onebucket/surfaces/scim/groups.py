"""The handlers of Groups."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from onebucket.actions import directory_groups, directory_people
from onebucket.actions.directory_groups import GroupWish, KnownGroup
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest, Reply
from onebucket.surfaces.scim import attributes, exchange, list_filters, patches, shapes
from onebucket.surfaces.scim.attributes import GROUP
from onebucket.surfaces.scim.shapes import Projection


def list_groups(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Return a part of the groups of a directory."""
    start, query = exchange.wanted_part(request, list_filters.GROUPS, GROUP)
    projection = Projection(request)
    found, total = directory_groups.listed(
        work, exchange.directory_of(request), query, members=projection.sends("members")
    )
    resources = [projection.apply(shapes.group(group, exchange.root_of(request))) for group in found]
    return exchange.reply(shapes.listed(resources, total=total, start=start))


def read_group(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Return one group."""
    members = Projection(request).sends("members")
    return _group(
        request, directory_groups.read(work, exchange.directory_of(request), exchange.id_of(request), members=members)
    )


def create_group(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Add a group, or take over one that is here."""
    directory_people.check_caller(work, exchange.directory_of(request))
    group = directory_groups.create(
        work, exchange.directory_of(request), _group_wish(_read_group(exchange.body_of(request)))
    )
    return replace(_group(request, group), status=201)


def replace_group(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Replace all that a directory says of a group; without `members` these stay as they are."""
    _unchanged_group(work, request)
    wish = _group_wish(_read_group(exchange.body_of(request)))
    return _change(work, request, wish)


def patch_group(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Change a group and who is in it: all operations or none."""
    before = _unchanged_group(work, request, members=True)
    present = dict.fromkeys(before.members or ())
    document = {"displayName": before.group.name, "externalId": before.group.external_id, "members": present}
    after = patches.apply(document, GROUP, exchange.body_of(request))
    wish = _group_wish(after | {"members": None if after.get("members") == present else after.get("members")})
    return _change(work, request, wish)


def delete_group(work: UnitOfWork, request: ApiRequest) -> None:
    """Delete a group, with its privileges."""
    _unchanged_group(work, request)
    directory_groups.remove(work, exchange.directory_of(request), exchange.id_of(request))


def _change(work: UnitOfWork, request: ApiRequest, wish: GroupWish) -> Reply:
    members = Projection(request).sends("members")
    directory_id, id = exchange.directory_of(request), exchange.id_of(request)
    return _group(request, directory_groups.change(work, directory_id, id, wish, members=members))


def _read_group(body: Mapping[str, Any]) -> dict[str, Any]:
    by_key = {name.lower(): value for name, value in body.items()}
    members = {"members": patches.member_ids(by_key["members"])} if "members" in by_key else {}
    rest = {name: value for name, value in body.items() if name.lower() != "members"}
    return attributes.read(GROUP, rest) | members


def _group_wish(document: Mapping[str, Any]) -> GroupWish:
    if "displayName" not in document:
        raise Invalid("displayName is missing")
    members = document.get("members")
    return GroupWish(document["displayName"], document.get("externalId"), None if members is None else [*members])


def _unchanged_group(work: UnitOfWork, request: ApiRequest, *, members: bool = False) -> KnownGroup:
    """Return the group, in the version that If-Match names. Raises VersionMismatch, NotFound."""
    group = directory_groups.read(work, exchange.directory_of(request), exchange.id_of(request), members=members)
    exchange.check_version(request, shapes.group(replace(group, members=None), exchange.root_of(request)))
    return group


def _group(request: ApiRequest, group: KnownGroup) -> Reply:
    return exchange.resource(request, shapes.group(group, exchange.root_of(request)))
