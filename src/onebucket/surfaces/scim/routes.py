"""The addresses of SCIM, under the original's `/scim/directory/{directory}` and its synonym."""

from typing import Any

from onebucket.actions import directory_people
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import LastAdministrator, NotFound
from onebucket.safe_text import quote_text
from onebucket.surfaces.core.surface import ApiRequest, Reply, Route, Surface
from onebucket.surfaces.scim import discovery, exchange, groups, shapes, users
from onebucket.surfaces.scim.errors import NotOffered, ScimErrors, VersionMismatch
from onebucket.wire.formats import Format


def search(work: UnitOfWork, request: ApiRequest) -> None:
    """Refuse to search Users and Groups at once, as the protocol allows. Raises NotOffered."""
    directory_people.check_caller(work, exchange.directory_of(request))
    raise NotOffered("Users and Groups can't be searched at once: GET one of them with a filter")


def configuration(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Say what this server supports."""
    directory_people.check_caller(work, exchange.directory_of(request))
    return exchange.reply(discovery.configuration(exchange.root_of(request)))


def resource_types(work: UnitOfWork, request: ApiRequest) -> Reply:
    """List the resource types."""
    return _described(work, request, discovery.resource_types(exchange.root_of(request)))


def schemas(work: UnitOfWork, request: ApiRequest) -> Reply:
    """List the schemas."""
    return _described(work, request, discovery.schemas(exchange.root_of(request)))


def _described(work: UnitOfWork, request: ApiRequest, documents: list[dict[str, Any]]) -> Reply:
    """Return the whole list of descriptions, or the one that the path names. Raises NotFound."""
    directory_people.check_caller(work, exchange.directory_of(request))
    name = request.path_parameters.get("id")
    if name is None:
        return exchange.reply(shapes.listed(documents, total=len(documents), start=1))
    found = next((each for each in documents if each["id"].lower() == name.lower()), None)
    if found is None:
        raise NotFound(f"there is no {quote_text(name)} here")
    return exchange.reply(found)


def _routes() -> tuple[Route, ...]:
    base = "/{directory}"
    table = (
        ("GET", f"{base}/Users", users.list_users, "scimListUsers", "List people", 200),
        ("POST", f"{base}/Users", users.create_user, "scimCreateUser", "Add or link a person", 201),
        ("GET", f"{base}/Users/{{id}}", users.read_user, "scimReadUser", "Read a person", 200),
        ("PUT", f"{base}/Users/{{id}}", users.replace_user, "scimReplaceUser", "Replace a person", 200),
        ("PATCH", f"{base}/Users/{{id}}", users.patch_user, "scimPatchUser", "Change a person", 200),
        ("DELETE", f"{base}/Users/{{id}}", users.delete_user, "scimDeleteUser", "Disable and unlink a person", 204),
        ("GET", f"{base}/Groups", groups.list_groups, "scimListGroups", "List groups", 200),
        ("POST", f"{base}/Groups", groups.create_group, "scimCreateGroup", "Add a group", 201),
        ("GET", f"{base}/Groups/{{id}}", groups.read_group, "scimReadGroup", "Read a group", 200),
        ("PUT", f"{base}/Groups/{{id}}", groups.replace_group, "scimReplaceGroup", "Replace a group", 200),
        ("PATCH", f"{base}/Groups/{{id}}", groups.patch_group, "scimPatchGroup", "Change a group", 200),
        ("DELETE", f"{base}/Groups/{{id}}", groups.delete_group, "scimDeleteGroup", "Delete a group", 204),
        ("POST", f"{base}/.search", search, "scimSearch", "Refuse to search everything at once", 200),
        ("GET", f"{base}/ServiceProviderConfig", configuration, "scimConfiguration", "What is supported", 200),
        ("GET", f"{base}/ResourceTypes", resource_types, "scimResourceTypes", "List the resource types", 200),
        ("GET", f"{base}/ResourceTypes/{{id}}", resource_types, "scimResourceType", "Read a resource type", 200),
        ("GET", f"{base}/Schemas", schemas, "scimSchemas", "List the schemas", 200),
        ("GET", f"{base}/Schemas/{{id}}", schemas, "scimSchema", "Read a schema", 200),
    )
    return tuple(
        Route(
            method,
            path,
            handler,
            None,  # the key of a directory has no scopes, and no other right
            name,
            summary,
            dict,
            status=status,
            varies_on=("if-match",),
            only_reads=path.endswith("/.search"),
            # A provider sends everybody at once.
            is_rate_limited=False,
        )
        for method, path, handler, name, summary, status in table
    )


SCIM = Surface(
    "scim",
    ("/scim/directory", "/scim/v2"),
    _routes(),
    description="SCIM 2.0: identity providers bring a team's people and groups.",
    errors=ScimErrors(),
    statuses={LastAdministrator: 409, NotOffered: 501, VersionMismatch: 412},
    formats=(Format.JSON,),
    has_jsonp=False,
    for_directories=True,
    path_parameters={"directory": "the directory's id"},
)
