"""Invites several people to several groups at once: each address gets one letter, or none is sent at all."""

from collections.abc import Iterable

from onebucket.actions import access, invitations, inviter_rights
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import email_key
from onebucket.domain.ends import EndWish
from onebucket.domain.policy import To
from onebucket.domain.refusals import AlreadyMember, Invalid, NotInvited
from onebucket.store import account_rows, group_rows

# Keeps one form from using up the letter budget of a day.
MAX_INVITATIONS = 50


def invite_to_groups(
    work: UnitOfWork, account_name: str, emails: Iterable[str], slugs: Iterable[str], until: EndWish = None
) -> None:
    """Invite each address to those of the groups that its owner isn't a member of; earlier groups stay in it.

    The memberships that accepting gives end at `until`.

    Raises Invalid, also for a malformed address; NoSuchGroup; AlreadyMember when a person is in all the groups.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    groups = [access.group_of(work, owner, owner.id, slug) for slug in dict.fromkeys(slugs)]
    for group in groups:
        access.check_not_kept(work, group)
    addresses = {_key(email): email for email in emails}
    if not groups:
        raise Invalid("an invitation needs a group")
    if not 1 <= len(addresses) <= MAX_INVITATIONS:
        raise Invalid(f"give 1 to {MAX_INVITATIONS} e-mail addresses")

    for email in addresses.values():
        holder = account_rows.by_email(work.tx, email)
        missing = [group.slug for group in groups if not (holder and group_rows.is_member(work.tx, group, holder.id))]
        if not missing:
            raise AlreadyMember(email)
        _invite(work, owner.id, email, missing, until)


def _key(email: str) -> str:
    try:
        return email_key(email)
    except Invalid as refusal:
        raise Invalid(f"{email[:64]}: {refusal.sentence}") from None


def _invite(work: UnitOfWork, account_id: str, email: str, slugs: list[str], until: EndWish) -> None:
    try:
        _, before = invitations.to_groups_of(work, account_id, email)
    except NotInvited:
        before = None
    if before and work.actor.id and inviter_rights.is_void(work, before):
        invitations.set_groups(work, account_id, email, slugs, inviter=work.actor.id, letter=True, until=until)
        return
    all_slugs = sorted({*slugs, *(before.groups if before else ())})
    if before and set(all_slugs) == set(before.groups) and not ends.moves(until, before.until):
        invitations.resend(work, before.id)
        return
    inviter = work.actor.id or (before.invited_by.id if before else "")
    invitations.set_groups(work, account_id, email, all_slugs, inviter=inviter, letter=True, until=until)
