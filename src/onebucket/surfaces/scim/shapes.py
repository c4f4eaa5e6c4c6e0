"""What Users, Groups and lists of them look like in SCIM, and which parts of them are sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from onebucket.actions.directory_groups import KnownGroup
from onebucket.actions.directory_people import KnownPerson
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.scim.attributes import ENTERPRISE, GROUP, USER

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ALWAYS = frozenset({"schemas", "id", "meta"})
_SCHEMAS = tuple(schema.lower() for schema in (ENTERPRISE, USER, GROUP))


def user(person: KnownPerson, root: str) -> dict[str, Any]:
    """Make the document of a User; `root` is the address of the directory."""
    link, account = person.link, person.account
    document: dict[str, Any] = {
        "schemas": [USER, *([ENTERPRISE] if ENTERPRISE in link.profile else ())],
        "id": account.id,
        **({"externalId": link.external_id} if link.external_id else {}),
        "userName": link.user_name,
        **link.profile,
        "active": account.is_active,
    }
    if person.groups:
        document["groups"] = [
            {"value": id, "$ref": f"{root}/Groups/{id}", "display": name, "type": "direct"}
            for id, name in person.groups
        ]
    version = _version(document)
    document["meta"] = _meta("User", link.created_at, link.changed_at, f"{root}/Users/{account.id}", version)
    return document


def group(known: KnownGroup, root: str) -> dict[str, Any]:
    """Make the document of a Group, with its members if they were read; `root` is the address of the directory."""
    kept = known.group
    document: dict[str, Any] = {
        "schemas": [GROUP],
        "id": kept.id,
        **({"externalId": kept.external_id} if kept.external_id else {}),
        "displayName": kept.name,
    }
    version = _version([kept.id, kept.name, kept.external_id, kept.changed_at])
    if known.members is not None:
        document["members"] = [{"value": id, "$ref": f"{root}/Users/{id}", "type": "User"} for id in known.members]
    document["meta"] = _meta("Group", kept.created_at, kept.changed_at, f"{root}/Groups/{kept.id}", version)
    return document


def listed(resources: Sequence[Mapping[str, Any]], *, total: int, start: int) -> dict[str, Any]:
    """Make the document of a part of a list, which begins with its item number `start`."""
    return {
        "schemas": [_LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }


def _version(state: Any) -> str:
    return f'W/"{blake2b(msgspec.json.encode(state), digest_size=12).hexdigest()}"'


def _meta(kind: str, created: datetime, changed: datetime, location: str, version: str) -> dict[str, str]:
    return {
        "resourceType": kind,
        "created": _moment(created),
        "lastModified": _moment(changed),
        "location": location,
        "version": version,
    }


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


class Projection:
    """Which attributes of a resource are sent: those of `attributes`, or all but those of `excludedAttributes`."""

    def __init__(self, request: ApiRequest) -> None:
        """Read the query parameters. Raises Invalid when both are given."""
        self._wanted, self._unwanted = (
            {_bare(name) for value in request.query.get(parameter, ()) for name in value.split(",") if name.strip()}
            for parameter in ("attributes", "excludedAttributes")
        )
        if self._wanted and self._unwanted:
            raise Invalid("attributes and excludedAttributes can't be given together")

    def sends(self, name: str) -> bool:
        """Return True if an attribute, or a part of it, is sent."""
        key = name.lower()
        if self._wanted:
            return any(each == key or each.startswith(f"{key}.") for each in self._wanted)
        return key not in self._unwanted

    def apply(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parts of a document that are sent."""
        if not self._wanted and not self._unwanted:
            return dict(document)
        kept = {name: value for name, value in document.items() if name in _ALWAYS or self.sends(name)}
        return {name: value if name in _ALWAYS else self._parts(name, value) for name, value in kept.items()}

    def _parts(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._parts(name, each) for each in value]
        if not isinstance(value, Mapping) or name.lower() in self._wanted:
            return value
        if self._wanted:
            return {part: each for part, each in value.items() if f"{name}.{part}".lower() in self._wanted}
        return {part: each for part, each in value.items() if f"{name}.{part}".lower() not in self._unwanted}


def _bare(name: str) -> str:
    """Return the name of an attribute in lower case: without the URN of a core schema, that of an extension with a dot.

    >>> _bare("urn:ietf:params:scim:schemas:core:2.0:User:userName")
    'username'
    """
    bare = name.strip().lower()
    for schema in _SCHEMAS:
        if bare.startswith(f"{schema}:"):
            part = bare.removeprefix(f"{schema}:")
            return f"{schema}.{part}" if schema == ENTERPRISE.lower() else part
    return bare
