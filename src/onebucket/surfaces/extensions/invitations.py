"""Handlers of `/api/invitations`: list pending invitations with their delivery status, resend, withdraw."""

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions import invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, scope_rules
from onebucket.domain.accounts import Account
from onebucket.domain.invitations import Invitation
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Route
from onebucket.wire.times import to_iso

_NOT_SENT = "not-sent"


class PendingInvitation(Struct, frozen=True):
    """A pending invitation: to `groups` (each `account/slug`), or to `repository` (`account/slug`) with `permission`.

    `letter` is `not-sent`, `waiting`, `failing`, `sent` or `undeliverable`; `trouble` what the mail server said last,
    or that the link is dead because whoever invited may not invite any more. Otherwise the link is good until
    `expires_on`; `opened_on` is when somebody opened it first, `until` when what accepting gives ends. Times are UTC.
    """

    id: str
    account: str
    email: str
    groups: list[str]
    repository: str | None
    permission: str | None
    invited_by: str
    sent_on: str
    expires_on: str
    letter: str
    trouble: str | None
    opened_on: str | None
    until: str | UnsetType = UNSET


def list_invitations(work: UnitOfWork, request: ApiRequest) -> list[PendingInvitation]:
    """List the invitations of one account (its administrators), or of all accounts (site administrators)."""
    accounts, emails = request.query.get("account", ()), request.query.get("email", ())
    rows = invitations.found(
        work, account_name=accounts[-1] if accounts else None, email=emails[-1] if emails else None
    )
    return [shape(owner, invitation) for owner, invitation in rows]


def resend(work: UnitOfWork, request: ApiRequest) -> PendingInvitation:
    """Send the letter again, with a new link; the old link stops working."""
    return shape(*invitations.resend(work, request.path_parameters["id"]))


def withdraw(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw the invitation, as withdrawing by address does."""
    invitations.withdraw(work, request.path_parameters["id"])


def shape(owner: Account, invitation: Invitation) -> PendingInvitation:
    """Shape a pending invitation."""
    letter, repository = invitation.letter, invitation.repository
    return PendingInvitation(
        id=invitation.id,
        account=owner.username,
        email=invitation.email,
        groups=[f"{owner.username}/{slug}" for slug in invitation.groups],
        repository=f"{owner.username}/{repository.slug}" if repository else None,
        permission=invitation.permission.word if invitation.permission else None,
        invited_by=invitation.invited_by.username,
        sent_on=to_iso(invitation.sent_at),
        expires_on=to_iso(invitation.expires_at),
        letter=letter.state.value if letter else _NOT_SENT,
        trouble=_trouble(invitation),
        opened_on=to_iso(invitation.opened_at) if invitation.opened_at else None,
        until=ends.text(invitation.until) if invitation.until else UNSET,
    )


def _trouble(invitation: Invitation) -> str | None:
    if invitation.is_void:
        return f"{invitation.invited_by.username} may no longer invite, so the link doesn't work: send it again"
    return invitation.letter.last_error if invitation.letter else None


_READ, _WRITE = scope_rules.READ_WORKSPACES, scope_rules.CHANGE_WORKSPACES
_INVITATIONS = "/invitations"
_ONE = f"{_INVITATIONS}/{{id}}"
_ACCOUNT = Parameter("account", "only this account's; default: all, for site administrators")
_EMAIL = Parameter("email", "only to this address", {"type": "string", "format": "email"})

ROUTES = (
    Route("GET", _INVITATIONS, list_invitations, _READ, "listPendingInvitations",
          "Pending invitations, newest first, with the state of their e-mails", list[PendingInvitation],
          query=(_ACCOUNT, _EMAIL), errors=(400, 403, 404)),
    Route("POST", f"{_ONE}/resend", resend, _WRITE, "resendInvitation", "Send an invitation again, with a new link",
          PendingInvitation, errors=(404, 413)),
    Route("DELETE", _ONE, withdraw, _WRITE, "withdrawInvitation", "Withdraw an invitation", errors=(404, 413)),
)  # fmt: skip
