"""Handlers of `/users/{selected_user}/ssh-keys`: a person's SSH keys."""

from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from msgspec import UNSET, Meta, Struct, UnsetType

from onebucket.actions import ssh_keys
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules, time_range
from onebucket.domain.accounts import Account
from onebucket.domain.ssh_keys import LONGEST_LINE, SshKey, refuse_private_key
from onebucket.surfaces.core.surface import TIME_SCHEMA, ApiRequest, Parameter, Route
from onebucket.surfaces.v2.fields import FIELDS
from onebucket.surfaces.v2.objects import Links, WorkspaceUser
from onebucket.surfaces.v2.pages import PAGE, PAGELEN, PagedList, PageDocument, page_of
from onebucket.surfaces.v2.shapes import Shapes, braced, moment
from onebucket.wire import request_body

_Body = TypeVar("_Body")

Label = Annotated[str, Meta(max_length=255)]
Key = Annotated[str, Meta(min_length=1, max_length=LONGEST_LINE)]


class NewSshKey(Struct, frozen=True):
    """A public key to add, one line as OpenSSH writes it. It is valid until `expires_on`, if that is given."""

    key: Key
    label: Label | None = None
    expires_on: str | None = None


class ChangedSshKey(Struct, frozen=True):
    """The new label of a key. `key` can be given too, but it can't change."""

    label: Label | None = None
    key: Key | None = None


class SshKeyShape(Struct, frozen=True, kw_only=True):
    """An SSH key. `comment` is what follows the key in its line; `expires_on` and `last_used` may be missing."""

    type: Literal["ssh_key"] = "ssh_key"
    uuid: str
    key: str
    comment: str
    label: str
    fingerprint: str
    created_on: str
    expires_on: str | UnsetType = UNSET
    last_used: str | UnsetType = UNSET
    owner: WorkspaceUser
    links: Links


def list_keys(work: UnitOfWork, request: ApiRequest) -> PagedList:
    """List a person's keys, oldest first."""
    (person, keys), page = ssh_keys.of_person(work, _user(request)), page_of(request)
    shown = keys[page.offset : page.offset + page.limit]
    return PagedList([_shape(request, person, key) for key in shown], len(keys), page)


def add_key(work: UnitOfWork, request: ApiRequest) -> SshKeyShape:
    """Add a key to a person."""
    new = _body(request, NewSshKey, "{key, label, expires_on}")
    expires_on = new.expires_on or request.query.get("expires_on", [""])[-1]
    expires_at = time_range.parse(expires_on, what="expires_on") if expires_on else None
    added = ssh_keys.add(work, _user(request), new.key, label=new.label or "", expires_at=expires_at)
    return _shape(request, *added)


def read_key(work: UnitOfWork, request: ApiRequest) -> SshKeyShape:
    """Return one key of a person."""
    return _shape(request, *ssh_keys.one(work, _user(request), request.path_parameters["key_id"]))


def change_key(work: UnitOfWork, request: ApiRequest) -> SshKeyShape:
    """Give a key another label."""
    new = _body(request, ChangedSshKey, "{label}")
    key_id = request.path_parameters["key_id"]
    return _shape(request, *ssh_keys.change(work, _user(request), key_id, label=new.label, text=new.key))


def remove_key(work: UnitOfWork, request: ApiRequest) -> None:
    """Take a key from a person."""
    ssh_keys.remove(work, _user(request), request.path_parameters["key_id"])


def _user(request: ApiRequest) -> str:
    return request.path_parameters["selected_user"]


def _body(request: ApiRequest, kind: type[_Body], what: str) -> _Body:
    # First of all, so that a private key always gets its own error, whatever else is wrong.
    refuse_private_key(request.body.decode(errors="replace"))
    return request_body.document(request.body, kind, what)


def _shape(request: ApiRequest, person: Account, key: SshKey) -> SshKeyShape:
    shapes = Shapes(request.base_url)
    return SshKeyShape(
        uuid=braced(key.id),
        key=key.key,
        comment=key.comment,
        label=key.label,
        fingerprint=key.fingerprint,
        created_on=moment(key.created_at),
        expires_on=moment(key.expires_at) if key.expires_at else UNSET,
        last_used=moment(key.last_used_at) if key.last_used_at else UNSET,
        owner=shapes.user(person),
        links=shapes.links(f"/users/{quote(braced(person.id))}/ssh-keys/{key.id}"),
    )


_READ, _CHANGE, _REMOVE = scope_rules.READ_SSH_KEYS, scope_rules.CHANGE_SSH_KEYS, scope_rules.DELETE_SSH_KEYS
_KEYS = "/users/{selected_user}/ssh-keys"
_KEY = f"{_KEYS}/{{key_id}}"
_EXPIRES_ON = Parameter(
    "expires_on", "until when it is valid, if the body doesn't say: a date, or a date and time", TIME_SCHEMA
)

ROUTES = (
    Route("GET", _KEYS, list_keys, _READ, "listSshKeys", "A person's SSH keys", PageDocument[SshKeyShape],
          query=(PAGE, PAGELEN, FIELDS), errors=(404,)),
    Route("POST", _KEYS, add_key, _CHANGE, "addSshKey", "Add an SSH key to a person", SshKeyShape, status=201,
          query=(_EXPIRES_ON, FIELDS), json=NewSshKey, errors=(404, 413)),
    Route("GET", _KEY, read_key, _READ, "readSshKey", "One SSH key of a person", SshKeyShape, query=(FIELDS,),
          errors=(404,)),
    Route("PUT", _KEY, change_key, _CHANGE, "changeSshKey", "Change the label of an SSH key", SshKeyShape,
          query=(FIELDS,), json=ChangedSshKey, errors=(404, 413)),
    Route("DELETE", _KEY, remove_key, _REMOVE, "removeSshKey", "Remove an SSH key from a person", errors=(404, 413)),
)  # fmt: skip
