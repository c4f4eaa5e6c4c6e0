"""Checks that the inviter of a pending invitation still has the right to invite; otherwise it is void."""

from collections.abc import Iterable
from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, LinkExpired, NotFound


def check(work: UnitOfWork, invitation: Invitation) -> Account:
    """Return the account of an invitation if its inviter may still invite to it. Raises LinkExpired."""
    if not invitation.invited_by.is_active:
        raise LinkExpired
    try:
        with work.on_behalf(Actor(invitation.invited_by, f"invitation:{invitation.id}")):
            if invitation.repository:
                slug = invitation.repository.slug
                owner, _ = access.repository(work, invitation.account_id, slug, to=To.INVITE_TO_REPOSITORY)
            else:
                owner = access.account(work, invitation.account_id, to=To.INVITE)
    except (Forbidden, NotFound):
        raise LinkExpired from None
    return owner


def is_void(work: UnitOfWork, invitation: Invitation) -> bool:
    """Return whether the invitation can't be accepted because its inviter lost the right to invite."""
    try:
        check(work, invitation)
    except LinkExpired:
        return True
    return False


def mark_void(work: UnitOfWork, invitations: Iterable[Invitation]) -> list[Invitation]:
    """Return the invitations with `is_void` set; checks each pair of inviter and target only once."""
    checked: dict[tuple[str, str, str | None], bool] = {}
    marked = []
    for invitation in invitations:
        key = invitation.invited_by.id, invitation.account_id, invitation.repository_slug
        if key not in checked:
            checked[key] = is_void(work, invitation)
        marked.append(replace(invitation, is_void=checked[key]))
    return marked
