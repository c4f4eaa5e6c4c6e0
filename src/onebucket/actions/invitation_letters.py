"""Write invitations: each function changes the row, queues the mail and records the journal entry together.

Checks no permissions: callers have loaded the account through `access` already.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onebucket.actions import inviter_rights
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, new_email_key
from onebucket.domain.events import Event
from onebucket.domain.groups import Group
from onebucket.domain.invitations import Invitation
from onebucket.domain.letters import MailKind
from onebucket.domain.refusals import Invalid
from onebucket.store import invitation_rows


def renewal_columns(work: UnitOfWork, owner: Account, email: str, inviter: Account | None = None) -> dict[str, Any]:
    """Return the fields that every new invitation starts with.

    Raises Invalid for an address that is none, or when neither `inviter` nor the actor is a person.
    """
    new_email_key(email)
    invited_by = inviter or work.actor.account
    if invited_by is None:
        raise Invalid("an invitation needs a person who invites")
    return {
        "account_id": owner.id,
        "id": work.new_id(),
        "email": email,
        "invited_by": invited_by,
        "sent_at": work.next_timestamp(),
        "expires_at": work.site_limits.invitation_expiry(work.at),
    }


def add(
    work: UnitOfWork, owner: Account, invitation: Invitation, groups: Sequence[Group], *, letter: bool
) -> Invitation:
    """Store a new invitation; with `letter`, also queue its mail."""
    after = _with_letter(work, owner, invitation, work.new_id()) if letter else invitation

    invitation_rows.add(work.tx, after, group_ids=[group.id for group in groups])

    work.record(Event.INVITATION_ADDED, owner, after.email, after=after.facts)
    return after


def send_together(
    work: UnitOfWork, owner: Account, pairs: Sequence[tuple[Invitation | None, Invitation]]
) -> list[Invitation]:
    """Store invitations of one address, and queue one mail, whose link is that of all of them.

    Each comes with the pending one in whose place it is stored, if there is one, which has the same id.
    Raises TooManyRequests.
    """
    [(_, first), *_] = pairs
    link_id = work.new_id()
    letter = work.queue_mail(MailKind.INVITATION, owner, about=first.id, link_id=link_id, email=first.email)
    sent = []
    for before, wanted in pairs:
        after = replace(wanted, link_id=link_id, letter=letter)
        if before is None:
            invitation_rows.add(work.tx, after, group_ids=[])
            work.record(Event.INVITATION_ADDED, owner, after.email, after=after.facts)
        else:
            invitation_rows.change(work.tx, after)
            event = Event.INVITATION_SENT if before.facts == after.facts else Event.INVITATION_CHANGED
            work.record(event, owner, after.email, before=before.facts, after=after.facts)
        sent.append(after)
    return sent


def send_again(
    work: UnitOfWork, owner: Account, before: Invitation, changed: Invitation, *, keep_link: bool
) -> Invitation:
    """Store `changed` in place of `before` and queue its mail; with `keep_link`, a link that is still valid stays.

    The actor becomes the inviter, unless the actor is the operator at the command line.
    Raises Invalid when the operator resends an invitation whose inviter lost the right to invite.
    """
    if work.actor.account is None and changed.invited_by == before.invited_by and inviter_rights.is_void(work, before):
        raise Invalid(f"{before.invited_by.username} may no longer invite: somebody who may has to send it again")
    is_valid = before.link_id is not None and before.expires_at > work.at
    link_id = before.link_id if keep_link and is_valid and before.link_id else work.new_id()
    renewed = replace(
        changed,
        invited_by=work.actor.account or changed.invited_by,
        sent_at=work.next_timestamp(),
        expires_at=work.site_limits.invitation_expiry(work.at),
    )
    after = _with_letter(work, owner, renewed, link_id)

    invitation_rows.change(work.tx, after)

    event = Event.INVITATION_SENT if before.facts == after.facts else Event.INVITATION_CHANGED
    work.record(event, owner, after.email, before=before.facts, after=after.facts)
    return after


def _with_letter(work: UnitOfWork, owner: Account, invitation: Invitation, link_id: str) -> Invitation:
    letter = work.queue_mail(MailKind.INVITATION, owner, about=invitation.id, link_id=link_id, email=invitation.email)
    return replace(invitation, link_id=link_id, letter=letter)


def withdraw(work: UnitOfWork, owner: Account, invitation: Invitation) -> None:
    """Delete a pending invitation and record that it was withdrawn."""
    invitation_rows.remove(work.tx, invitation)

    work.record(Event.INVITATION_WITHDRAWN, owner, invitation.email, before=invitation.facts)
