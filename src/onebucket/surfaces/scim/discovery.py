"""What a service provider says of itself (RFC 7643, 5 to 7): its configuration, resource types and schemas."""

from collections.abc import Iterable
from typing import Any

from onebucket.surfaces.scim.attributes import (
    ENTERPRISE,
    ENTERPRISE_ATTRIBUTES,
    GROUP,
    GROUP_ATTRIBUTES,
    USER,
    USER_ATTRIBUTES,
    Attribute,
)

MOST_RESULTS = 1000

_CORE = "urn:ietf:params:scim:schemas:core:2.0"


def configuration(root: str) -> dict[str, Any]:
    """Make the ServiceProviderConfig; `root` is the address of the directory."""
    return {
        "schemas": [f"{_CORE}:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "The directory's key",
                "description": "A Bearer token that a site administrator makes for one directory.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{root}/ServiceProviderConfig"},
    }


def resource_types(root: str) -> list[dict[str, Any]]:
    """Make the documents of the resource types."""
    extension = {"schemaExtensions": [{"schema": ENTERPRISE, "required": False}]}
    return [
        _resource_type(root, "User", "/Users", "a person", USER) | extension,
        _resource_type(root, "Group", "/Groups", "a group of the team", GROUP),
    ]


def _resource_type(root: str, name: str, endpoint: str, description: str, schema: str) -> dict[str, Any]:
    return {
        "schemas": [f"{_CORE}:ResourceType"],
        "id": name,
        "name": name,
        "endpoint": endpoint,
        "description": description,
        "schema": schema,
        "meta": {"resourceType": "ResourceType", "location": f"{root}/ResourceTypes/{name}"},
    }


def schemas(root: str) -> list[dict[str, Any]]:
    """Make the documents of the schemas."""
    return [
        _schema(root, USER, "User", "a person", USER_ATTRIBUTES),
        _schema(root, GROUP, "Group", "a group of the team", GROUP_ATTRIBUTES),
        _schema(root, ENTERPRISE, "Enterprise User", "a person in the company", ENTERPRISE_ATTRIBUTES),
    ]


def _schema(root: str, id: str, name: str, description: str, attributes: Iterable[Attribute]) -> dict[str, Any]:
    return {
        "schemas": [f"{_CORE}:Schema"],
        "id": id,
        "name": name,
        "description": description,
        "attributes": [_attribute(attribute) for attribute in attributes],
        "meta": {"resourceType": "Schema", "location": f"{root}/Schemas/{id}"},
    }


def _attribute(attribute: Attribute) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.kind,
        "multiValued": attribute.is_list,
        "description": attribute.description,
        "required": attribute.is_required,
        "mutability": "readOnly" if attribute.read_only else "immutable" if attribute.is_immutable else "readWrite",
        "returned": "default",
    }
    if attribute.kind == "string":
        described["caseExact"] = attribute.is_exact
    if attribute.kind != "complex":
        described["uniqueness"] = "server" if attribute.is_unique else "none"
    if attribute.canonical:
        described["canonicalValues"] = [*attribute.canonical]
    if attribute.refers_to:
        described["referenceTypes"] = [*attribute.refers_to]
    if attribute.parts:
        described["subAttributes"] = [_attribute(part) for part in attribute.parts]
    return described
