"""The handlers of Users."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from onebucket.actions import directory_people
from onebucket.actions.directory_accounts import PersonWish
from onebucket.actions.directory_people import KnownPerson
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest, Reply
from onebucket.surfaces.scim import attributes, exchange, list_filters, patches, shapes
from onebucket.surfaces.scim.attributes import ENTERPRISE, USER
from onebucket.surfaces.scim.shapes import Projection


def list_users(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Return a part of the people of a directory."""
    start, query = exchange.wanted_part(request, list_filters.USERS, USER)
    projection = Projection(request)
    found, total = directory_people.listed(work, exchange.directory_of(request), query)
    resources = [projection.apply(shapes.user(person, exchange.root_of(request))) for person in found]
    return exchange.reply(shapes.listed(resources, total=total, start=start))


def read_user(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Return one person."""
    return _user(request, directory_people.read(work, exchange.directory_of(request), exchange.id_of(request)))


def create_user(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Add a person, or link one who is here."""
    directory_people.check_caller(work, exchange.directory_of(request))
    wish = _person_wish({"active": True} | _read_user(exchange.body_of(request)))
    person = directory_people.create(work, exchange.directory_of(request), wish)
    return replace(_user(request, person), status=201)


def replace_user(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Replace all that a directory says of a person; without `active` that stays as it is."""
    _unchanged_user(work, request)
    wish = _person_wish(_read_user(exchange.body_of(request)))
    return _user(request, directory_people.change(work, exchange.directory_of(request), exchange.id_of(request), wish))


def patch_user(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Change some of what a directory says of a person: all operations or none."""
    before = _unchanged_user(work, request)
    document = {
        "userName": before.link.user_name,
        "externalId": before.link.external_id,
        **before.link.profile,
    }
    after = patches.apply(document, USER, exchange.body_of(request))
    wish = _person_wish(after)
    return _user(request, directory_people.change(work, exchange.directory_of(request), exchange.id_of(request), wish))


def delete_user(work: UnitOfWork, request: ApiRequest) -> None:
    """Disable a person, and unlink them from the directory."""
    _unchanged_user(work, request)
    directory_people.remove(work, exchange.directory_of(request), exchange.id_of(request))


def _read_user(body: Mapping[str, Any]) -> dict[str, Any]:
    document = attributes.read(USER, body)
    extension = next((value for name, value in body.items() if name.lower() == ENTERPRISE.lower()), None)
    if extension is not None and not isinstance(extension, Mapping):
        raise Invalid(f"{ENTERPRISE} must be an object")
    kept = attributes.read(ENTERPRISE, extension or {})
    return document | ({ENTERPRISE: kept} if kept else {})


def _person_wish(document: Mapping[str, Any]) -> PersonWish:
    profile = {name: value for name, value in document.items() if name not in ("userName", "externalId", "active")}
    if "userName" not in document:
        raise Invalid("userName is missing")
    return PersonWish(document["userName"], document.get("externalId"), document.get("active"), profile)


def _unchanged_user(work: UnitOfWork, request: ApiRequest) -> KnownPerson:
    """Return the person, in the version that If-Match names. Raises VersionMismatch, NotFound."""
    person = directory_people.read(work, exchange.directory_of(request), exchange.id_of(request))
    exchange.check_version(request, shapes.user(person, exchange.root_of(request)))
    return person


def _user(request: ApiRequest, person: KnownPerson) -> Reply:
    return exchange.resource(request, shapes.user(person, exchange.root_of(request)))
