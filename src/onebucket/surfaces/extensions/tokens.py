"""Handlers of `/api/tokens`: the caller's own app passwords. Only the response that creates one shows its secret."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct

from onebucket import hashing
from onebucket.actions import tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.domain.refusals import Invalid
from onebucket.domain.scopes import SCOPES
from onebucket.domain.tokens import AppPassword
from onebucket.surfaces.core.surface import ApiRequest, Route
from onebucket.wire import request_body
from onebucket.wire.times import to_iso

_TEN_YEARS = int(tokens.LONGEST.total_seconds())

# One line, without control characters and bidirectional overrides.
_WRITABLE = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$"


class NewToken(Struct, frozen=True):
    """An app password to be made. It ends in `expires_in` seconds or at `expires_on`; without either, never."""

    scopes: Annotated[list[Annotated[str, Meta(extra_json_schema={"enum": list(SCOPES)})]], Meta(min_length=1)]
    label: Annotated[str, Meta(max_length=255, extra_json_schema={"pattern": _WRITABLE})] = ""
    expires_in: Annotated[float, Meta(ge=1, le=_TEN_YEARS)] | None = None
    expires_on: Annotated[datetime, Meta(tz=True)] | None = None


class TokenShape(Struct, frozen=True):
    """An app password, without its secret. Times are UTC; when and from where it was used is known a minute late.

    `made_with` names the credential that it was made with, as the journal does, unless that was a password. One that is
    `orphaned` is good for nothing any more: what it was made with has ended.
    """

    id: str
    label: str
    scopes: list[str]
    created_on: str
    expires_on: str | None
    last_used_on: str | None
    last_used_from: str | None
    made_with: str | None
    orphaned: bool


class CreatedToken(TokenShape, frozen=True):
    """A new app password with its secret, which is not stored and never shown again."""

    secret: str


def list_tokens(work: UnitOfWork, request: ApiRequest) -> list[TokenShape]:
    """List the caller's own app passwords."""
    app_passwords = tokens.of_person(work, _own_id(work))
    orphaned = tokens.orphans(work, _own_id(work))
    return [TokenShape(**_shape(app_password), orphaned=app_password.id in orphaned) for app_password in app_passwords]


def create_token(work: UnitOfWork, request: ApiRequest) -> CreatedToken:
    """Create an app password; it can do no more than the credential that creates it."""
    parameters = request_body.document(request.body, NewToken, "{scopes, label, expires_in or expires_on}")
    if parameters.expires_in is not None and parameters.expires_on is not None:
        raise Invalid("give expires_in or expires_on, not both")

    secret = request.new_secret()
    expires_at = work.at + timedelta(seconds=parameters.expires_in) if parameters.expires_in else parameters.expires_on
    token = tokens.add(
        work,
        _own_id(work),
        secret_hash=hashing.secret_hash(secret),
        scopes=frozenset(parameters.scopes),
        label=parameters.label,
        expires_at=expires_at,
    )
    return CreatedToken(**_shape(token), orphaned=False, secret=secret)


def revoke_token(work: UnitOfWork, request: ApiRequest) -> None:
    """Revoke an app password, effective at once."""
    tokens.revoke_of(work, _own_id(work), request.path_parameters["id"])


def _own_id(work: UnitOfWork) -> str:
    assert work.actor.account is not None
    return work.actor.account.id


def _shape(token: AppPassword) -> dict[str, Any]:
    return {
        "id": token.id,
        "label": token.label,
        "scopes": sorted(token.scopes),
        "created_on": to_iso(token.created_at),
        "expires_on": to_iso(token.expires_at) if token.expires_at else None,
        "last_used_on": to_iso(token.last_used_at) if token.last_used_at else None,
        "last_used_from": token.last_used_from,
        "made_with": token.made_with,
    }


_READ, _WRITE = scope_rules.READ_APP_PASSWORDS, scope_rules.CHANGE_APP_PASSWORDS
_TOKENS = "/tokens"

ROUTES = (
    Route("GET", _TOKENS, list_tokens, _READ, "listTokens", "Your app passwords, without their secrets",
          list[TokenShape]),
    Route("POST", _TOKENS, create_token, _WRITE, "makeToken",
          "Create an app password for yourself; only this response contains its secret", CreatedToken,
          json=NewToken, errors=(413,)),
    Route("DELETE", f"{_TOKENS}/{{id}}", revoke_token, _WRITE, "revokeToken", "Revoke one of your app passwords",
          errors=(404, 413)),
)  # fmt: skip
