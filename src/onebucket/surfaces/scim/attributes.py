"""The attributes of Users and Groups: what the schemas publish, and how values that are sent are checked and kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# As long as a value may be: longer than any name or address.
_LONGEST = 1024
# As many values as an attribute may have.
MOST_VALUES = 100


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that is kept. `kind` is its type in SCIM; a `complex` one has `parts`.

    One that is `read_only` is sent, and ignored where it comes. One that `is_immutable` stays as it came.
    """

    name: str
    description: str
    kind: str = "string"
    parts: "tuple[Attribute, ...]" = ()
    is_list: bool = False
    is_required: bool = False
    is_exact: bool = False
    is_unique: bool = False
    read_only: bool = False
    is_immutable: bool = False
    canonical: tuple[str, ...] = ()
    refers_to: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name in lower case: names of attributes match in any case."""
        return self.name.lower()

    def part(self, key: str) -> "Attribute | None":
        """Return the part with that lower-case name."""
        return next((part for part in self.parts if part.key == key), None)


EXTERNAL_ID = Attribute("externalId", "the id that the directory has", is_exact=True)
USER_ATTRIBUTES = (
    Attribute("userName", "the name that the directory signs the person in with", is_required=True, is_unique=True),
    Attribute(
        "name",
        "the parts of the person's name",
        "complex",
        (
            Attribute("formatted", "the whole name"),
            Attribute("familyName", "the last name"),
            Attribute("givenName", "the first name"),
            Attribute("middleName", "the middle name"),
            Attribute("honorificPrefix", "what stands before the name"),
            Attribute("honorificSuffix", "what stands after the name"),
        ),
    ),
    Attribute("displayName", "the name that people see"),
    Attribute("nickName", "the name that friends use"),
    Attribute("title", "the person's title"),
    Attribute("userType", "how the person belongs to the company"),
    Attribute("preferredLanguage", "the language of choice"),
    Attribute("locale", "how dates and numbers are written"),
    Attribute("timezone", "the time zone"),
    # Somebody is active or isn't: the value can't be removed. A POST without it means true.
    Attribute("active", "whether the person may sign in", "boolean", is_required=True),
    Attribute(
        "emails",
        "e-mail addresses; those in a domain that the team owns are the person's here",
        "complex",
        (
            Attribute("value", "the address"),
            Attribute("display", "how it is shown"),
            Attribute("type", "what it is for", canonical=("work", "home", "other")),
            Attribute("primary", "whether it is the first choice", "boolean"),
        ),
        is_list=True,
    ),
    Attribute(
        "groups",
        "the groups of this directory that the person is in",
        "complex",
        (
            Attribute("value", "the group's id", read_only=True),
            Attribute("$ref", "its address", "reference", read_only=True, refers_to=("Group",)),
            Attribute("display", "its name", read_only=True),
            Attribute("type", "that the person is in it directly", read_only=True, canonical=("direct",)),
        ),
        is_list=True,
        read_only=True,
    ),
)
ENTERPRISE_ATTRIBUTES = (
    Attribute("employeeNumber", "the number in the company"),
    Attribute("costCenter", "the cost center"),
    Attribute("organization", "the organization"),
    Attribute("division", "the division"),
    Attribute("department", "the department"),
)
GROUP_ATTRIBUTES = (
    Attribute("displayName", "the group's name", is_required=True, is_unique=True),
    Attribute(
        "members",
        "the people in the group, whom the directory has brought",
        "complex",
        (
            Attribute("value", "the person's id", is_immutable=True),
            Attribute("$ref", "their address", "reference", is_immutable=True, refers_to=("User",)),
            Attribute("type", "that they are a person", is_immutable=True, canonical=("User",)),
        ),
        is_list=True,
    ),
)

# Attributes of the same schemas that providers send by default and that nothing here has a use for: they are taken, and
# not kept.
_NOT_KEPT = {
    USER: frozenset(
        {"profileurl", "password", "phonenumbers", "ims", "photos", "addresses", "entitlements", "roles",
         "x509certificates"}
    ),
    ENTERPRISE: frozenset({"manager"}),
    GROUP: frozenset(),
}  # fmt: skip
# What every resource has, and only the server sets.
OF_THE_SERVER = frozenset({"id", "schemas", "meta"})

_KEPT = {
    USER: {each.key: each for each in (EXTERNAL_ID, *USER_ATTRIBUTES)},
    ENTERPRISE: {each.key: each for each in ENTERPRISE_ATTRIBUTES},
    GROUP: {each.key: each for each in (EXTERNAL_ID, *GROUP_ATTRIBUTES)},
}


def find(schema: str, key: str) -> Attribute | None:
    """Return the kept attribute of a schema with that lower-case name."""
    return _KEPT[schema].get(key)


def is_known(schema: str, key: str) -> bool:
    """Return True for an attribute of the schema that is not kept, or that the server sets."""
    return key in _NOT_KEPT[schema] or key in OF_THE_SERVER


def check(attribute: Attribute, value: Any) -> Any:
    """Return what is kept of a value that was sent; None for nothing. Raises Invalid.

    Truth values may be texts, and a list may be sent as its only value.
    """
    if value is None or value in ("", [], {}):
        return None
    if attribute.is_list:
        values = value if isinstance(value, list) else [value]
        if len(values) > MOST_VALUES:
            raise Invalid(f"{attribute.name} has more than {MOST_VALUES} values")
        kept = [each for each in (_one(attribute, each) for each in values) if each is not None]
        if sum(1 for each in kept if each.get("primary")) > 1:
            raise Invalid(f"{attribute.name} has more than one primary value")
        return kept or None
    return _one(attribute, value)


def _one(attribute: Attribute, value: Any) -> Any:
    if attribute.kind == "boolean":
        return truth(attribute.name, value)
    if attribute.kind == "complex":
        if not isinstance(value, Mapping):
            raise Invalid(f"{attribute.name} must be an object")
        by_key = {name.lower(): each for name, each in value.items()}
        parts = {part.name: check(part, by_key.get(part.key)) for part in attribute.parts if not part.read_only}
        return {name: each for name, each in parts.items() if each is not None} or None
    if not isinstance(value, str):
        raise Invalid(f"{attribute.name} must be a text")
    if len(value) > _LONGEST:
        raise Invalid(f"{attribute.name} is longer than {_LONGEST} characters")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise Invalid(f"{attribute.name} contains a control character")
    return value


def truth(name: str, value: Any) -> bool:
    """Return a truth value, which may be sent as a text in any case. Raises Invalid."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise Invalid(f"{name} must be true or false, not {quote_text(str(value))}")
    return value


def read(schema: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kept attributes of a body or an extension in it; those that aren't are left out. Raises Invalid."""
    by_key = {name.lower(): value for name, value in body.items()}
    found = {each.name: check(each, by_key[key]) for key, each in _KEPT[schema].items()
             if key in by_key and not each.read_only}  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}
