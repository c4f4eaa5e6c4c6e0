"""Pending invitations: making and withdrawing them."""

from collections.abc import Iterable
from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.accounts import email_key
from onebucket.domain.events import Event
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, NoSuchGroup
from onebucket.store import groups, invitations
from onebucket.store.journal import Facts


def invite_to_groups(work: Work, account_name: str, email: str, slugs: Iterable[str], *, inviter: str) -> Invitation:
    """Invite an address to groups of an account, in the name of `inviter`; an earlier such invitation is replaced."""
    owner = access.account(work, account_name, to=To.INVITE)
    invited_by = access.person(work, inviter)
    chosen = [groups.find(work.tx, owner.id, slug) for slug in dict.fromkeys(slugs)]
    found = [group for group in chosen if group is not None]
    if len(found) < len(chosen):
        raise NoSuchGroup
    if not found:
        raise Invalid("an invitation needs a group or a repository")
    before = _pending(work, owner.id, email, repository=None)
    after = Invitation(
        account_id=owner.id,
        id=work.new_id(),
        email=email,
        invited_by=invited_by.username,
        sent_at=work.at,
        groups=tuple(sorted(group.slug for group in found)),
    )
    if before and _facts(before) == _facts(after):
        return before

    if before:
        invitations.remove(work.tx, before)
    ids = [group.id for group in found]
    invitations.add(work.tx, after, inviter_id=invited_by.id, group_ids=ids, repository_id=None)

    event = Event.INVITATION_CHANGED if before else Event.INVITATION_ADDED
    work.tell(event, owner, email, before=_facts(before) if before else None, after=_facts(after))
    return after


def invite_to_repository(
    work: Work, account_name: str, email: str, slug: str, permission: Level, *, inviter: str
) -> Invitation:
    """Invite an address to a repository, in the name of `inviter`; an earlier such invitation is replaced."""
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE)
    invited_by = access.person(work, inviter)
    before = _pending(work, owner.id, email, repository=slug)
    after = Invitation(
        account_id=owner.id,
        id=work.new_id(),
        email=email,
        invited_by=invited_by.username,
        sent_at=work.at,
        repository=slug,
        permission=permission,
    )
    if before and _facts(before) == _facts(after):
        return before

    if before:
        invitations.remove(work.tx, before)
    invitations.add(work.tx, after, inviter_id=invited_by.id, group_ids=[], repository_id=repository.id)

    event = Event.INVITATION_CHANGED if before else Event.INVITATION_ADDED
    work.tell(event, owner, email, before=_facts(before) if before else None, after=_facts(after))
    return after


def withdraw(work: Work, account_name: str, invitation: Invitation) -> None:
    """End a pending invitation."""
    owner = access.account(work, account_name, to=To.INVITE)

    invitations.remove(work.tx, replace(invitation, account_id=owner.id))

    work.tell(Event.INVITATION_WITHDRAWN, owner, invitation.email, before=_facts(invitation))


def _pending(work: Work, account_id: str, email: str, *, repository: str | None) -> Invitation | None:
    key = email_key(email)
    for invitation in invitations.of_account(work.tx, account_id):
        if email_key(invitation.email) == key and invitation.repository == repository:
            return invitation
    return None


def _facts(invitation: Invitation) -> Facts:
    facts: Facts = {"email": invitation.email, "invited_by": invitation.invited_by}
    if invitation.repository is None:
        return facts | {"groups": list(invitation.groups)}
    permission = invitation.permission.word if invitation.permission else None
    return facts | {"repository": invitation.repository, "permission": permission}
