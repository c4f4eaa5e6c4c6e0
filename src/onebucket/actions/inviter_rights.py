"""Whether whoever invited may invite to it still: an invitation has no more right than its inviter has now."""

from collections.abc import Iterable
from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, LinkExpired, NotFound


def check(work: UnitOfWork, invitation: Invitation) -> Account:
    """The account that an invitation is to, if its inviter may invite to it now. Raises LinkExpired."""
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
    """Whether nobody can accept it, because its inviter may not invite to it any more."""
    try:
        check(work, invitation)
    except LinkExpired:
        return True
    return False


def mark_void(work: UnitOfWork, found: Iterable[Invitation]) -> list[Invitation]:
    """The invitations, each with `is_void` as it is now; each inviter is asked about once for each place."""
    known: dict[tuple[str, str, str | None], bool] = {}
    told = []
    for each in found:
        place = each.invited_by.id, each.account_id, each.repository_slug
        if place not in known:
            known[place] = is_void(work, each)
        told.append(replace(each, is_void=known[place]))
    return told
