"""Handlers of `/api/requests`: ask for access, list and withdraw requests, grant and deny them."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from onebucket.actions import access_requests
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, privileges, scope_rules
from onebucket.domain.access_requests import LONGEST_TEXT, AccessRequest, RequestState
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Route
from onebucket.surfaces.extensions.journal import last_value
from onebucket.wire import request_body
from onebucket.wire.times import to_iso

_Level = Literal["read", "write", "admin"]
_REPOSITORY = r"^[^/]+/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$"
# One line that doesn't begin with a blank, without control characters and bidirectional overrides.
_BLANKS = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_UNWRITABLE = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
_SENTENCE = {"pattern": f"^[^{_BLANKS}{_UNWRITABLE}][^{_UNWRITABLE}]*$", "maxLength": LONGEST_TEXT}
_Sentence = Annotated[str, Meta(extra_json_schema=_SENTENCE)]


class NewRequest(Struct, frozen=True):
    """What to ask for on `repository` (`account/slug`), and why; `until` is a time with its zone, a date or `never`."""

    repository: Annotated[str, Meta(extra_json_schema={"pattern": _REPOSITORY})]
    level: _Level
    reason: _Sentence
    until: str | None = None


class GrantedRequest(Struct, frozen=True):
    """What to give: the level that was asked for or less, until the end that was asked for or another, or `never`."""

    level: _Level | None = None
    until: str | None = None


class DeniedRequest(Struct, frozen=True):
    """The sentence that tells the person why not."""

    sentence: _Sentence


class AccessRequestShape(Struct, frozen=True):
    """A request of `user` for `level` on `repository` (`account/slug`): to them, the name that they asked for.

    `state` is `waiting`, `granted`, `denied`, `withdrawn`, `lapsed` (nobody had answered by `lapses_on`) or `ended`
    (the person was off-boarded). `answer` is what whoever denied it says; `granted` and `granted_until` are what was
    given. Times are UTC.
    """

    id: str
    account: str
    repository: str
    user: str
    level: str
    reason: str
    until: str | None
    asked_on: str
    lapses_on: str
    state: str
    answered_on: str | None
    answered_by: str | None
    answer: str | None
    granted: str | None
    granted_until: str | None


_STATES = [each.value for each in RequestState]


def list_requests(work: UnitOfWork, request: ApiRequest) -> list[AccessRequestShape]:
    """List the caller's own requests or, with `account`, those in an account (its administrators)."""
    account, state = last_value(request, "account"), last_value(request, "state")
    if state is not None and state not in _STATES:
        raise Invalid(f"the state must be one of {', '.join(_STATES)}")
    if account is not None:
        owner, found = access_requests.of_account(work, account)
        rows = [(owner, each) for each in found]
    else:
        rows = access_requests.mine(work)
    return [shape(owner, each) for owner, each in rows if state in (None, each.state.value)]


def ask(work: UnitOfWork, request: ApiRequest) -> AccessRequestShape:
    """Ask for access; the answer doesn't tell whether there is a repository that the caller can't see."""
    wanted = request_body.document(request.body, NewRequest, "{repository, level, reason, until}")
    account, slash, slug = wanted.repository.partition("/")
    if not slash:
        raise Invalid("the repository must be account/slug")
    until = ends.parse(wanted.until) if wanted.until is not None else None
    level = privileges.parse_level(wanted.level)
    return shape(*access_requests.ask(work, account, slug, level, wanted.reason, until))


def withdraw(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw one of the caller's own requests."""
    access_requests.withdraw(work, request.path_parameters["id"])


def grant(work: UnitOfWork, request: ApiRequest) -> AccessRequestShape:
    """Give the person what they ask for, or less, or until another date."""
    wanted = request_body.document(request.body or b"{}", GrantedRequest, "{level, until}")
    until = ends.parse(wanted.until) if wanted.until is not None else None
    level = privileges.parse_level(wanted.level) if wanted.level is not None else None
    return shape(*access_requests.grant(work, request.path_parameters["id"], level, until))


def deny(work: UnitOfWork, request: ApiRequest) -> AccessRequestShape:
    """Deny the request with a sentence."""
    wanted = request_body.document(request.body, DeniedRequest, "{sentence}")
    return shape(*access_requests.deny(work, request.path_parameters["id"], wanted.sentence))


def shape(owner: Account, request: AccessRequest) -> AccessRequestShape:
    """Shape a request."""
    return AccessRequestShape(
        id=request.id,
        account=owner.username,
        repository=f"{owner.username}/{request.slug}",
        user=request.person.username,
        level=request.level.word,
        reason=request.reason,
        until=_end(request.until),
        asked_on=to_iso(request.asked_at),
        lapses_on=to_iso(request.lapses_at),
        state=request.state.value,
        answered_on=to_iso(request.answered_at) if request.answered_at else None,
        answered_by=request.answered_by,
        answer=request.answer or None,
        granted=request.granted.word if request.granted else None,
        granted_until=_end(request.granted_until),
    )


def _end(until: datetime | None) -> str | None:
    return ends.text(until) if until else None


_READ, _WRITE = scope_rules.READ_WORKSPACES, scope_rules.CHANGE_WORKSPACES
_ANSWER = scope_rules.SET_REPOSITORY_PERMISSIONS
_REQUESTS = "/requests"
_ONE = f"{_REQUESTS}/{{id}}"
_ACCOUNT = Parameter("account", "those in this account, for its administrators; default: your own")
_STATE = Parameter("state", "only those in this state", {"type": "string", "enum": _STATES})

ROUTES = (
    Route("GET", _REQUESTS, list_requests, _READ, "listRequests",
          "Requests for access, newest first: your own, or those in an account", list[AccessRequestShape],
          query=(_ACCOUNT, _STATE), errors=(400, 403, 404)),
    Route("POST", _REQUESTS, ask, _WRITE, "askForAccess", "Ask for a level on a repository", AccessRequestShape,
          json=NewRequest, errors=(400, 403, 404, 409, 413)),
    Route("DELETE", _ONE, withdraw, _WRITE, "withdrawRequest", "Withdraw one of your requests",
          errors=(403, 404, 409, 413)),
    Route("POST", f"{_ONE}/grant", grant, _ANSWER, "grantRequest",
          "Give what was asked for, or less, or until another date", AccessRequestShape, json=GrantedRequest,
          errors=(400, 404, 409, 413)),
    Route("POST", f"{_ONE}/deny", deny, _ANSWER, "denyRequest", "Deny a request with a sentence", AccessRequestShape,
          json=DeniedRequest, errors=(400, 404, 409, 413)),
)  # fmt: skip
