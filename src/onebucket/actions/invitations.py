"""Pending invitations: create, list, resend and withdraw them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from onebucket.actions import access, invitation_letters, inviter_rights
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import Account, email_key
from onebucket.domain.ends import EndWish
from onebucket.domain.events import Event
from onebucket.domain.groups import Group
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import (
    AlreadyInvited,
    AlreadyMember,
    Forbidden,
    Invalid,
    NoSuchGroup,
    NotFound,
    NotInvited,
)
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_rows, group_rows, invitation_rows

# -- to groups (contract/api-1.0.md#6) ----------------------------------------------------------------------------


def to_groups(work: UnitOfWork, account_name: str) -> tuple[Account, list[Invitation]]:
    """Return the account and the pending invitations to its groups, newest first (contract/api-1.0.md#u1)."""
    owner = access.account(work, account_name, to=To.INVITE)
    return owner, invitation_rows.to_groups(work.tx, owner.id)


def to_groups_of(work: UnitOfWork, account_name: str, email: str) -> tuple[Account, Invitation]:
    """Return the account and the pending invitation of one address to its groups (contract/api-1.0.md#u2).

    Raises NotInvited, Invalid.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    return owner, _pending(work, owner, email)


def check_invited(work: UnitOfWork, account_name: str, email: str, group_owner: str, slug: str) -> None:
    """Require that an address is invited to a group (contract/api-1.0.md#u3). Raises NotInvited."""
    owner, invitation = to_groups_of(work, account_name, email)
    if access.group_of(work, owner, group_owner, slug).slug not in invitation.groups:
        raise NotInvited


def invite_to_group(
    work: UnitOfWork, account_name: str, email: str, group_owner: str | None, slug: str, until: EndWish = None
) -> tuple[Account, Invitation]:
    """Invite an address to a group and queue the mail (contract/api-1.0.md#u4); memberships end at `until`.

    Another group is added to the pending invitation, and the link in the first mail stays valid. The same group again
    resends the invitation with a new link. An invitation whose inviter lost the right to invite is replaced.
    Raises AlreadyMember, NoSuchGroup, Invalid.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    group = access.group_of(work, owner, group_owner or owner.id, slug)
    access.check_not_kept(work, group)
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=None)
    holder = account_rows.by_email(work.tx, email)
    if holder and group_rows.is_member(work.tx, group, holder.id):
        raise AlreadyMember
    end = _end(work, before, until)

    if before is None:
        columns = invitation_letters.renewal_columns(work, owner, email)
        invitation = Invitation(**columns, groups=(group.slug,), until=end)
        return owner, invitation_letters.add(work, owner, invitation, [group], letter=True)
    if inviter_rights.is_void(work, before):
        replacement = invitation_letters.send_again(
            work, owner, before, replace(before, groups=(group.slug,), until=end), keep_link=False
        )
        invitation_rows.set_groups(work.tx, replacement, [group.id])
        return owner, replacement
    extended = replace(before, groups=tuple(sorted({*before.groups, group.slug})), until=end)
    after = invitation_letters.send_again(work, owner, before, extended, keep_link=group.slug not in before.groups)
    invitation_rows.add_groups(work.tx, after, [group.id])
    return owner, after


def withdraw_from_groups(work: UnitOfWork, account_name: str, email: str, group: tuple[str | None, str] | None) -> None:
    """Withdraw an address's invitation to all groups of an account, or to one group given as (owner, slug).

    Sources: contract/api-1.0.md#u6 to #u8. Raises NotInvited, NoSuchGroup, Invalid.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    invitation = _pending(work, owner, email)
    if group is None:
        invitation_letters.withdraw(work, owner, invitation)
        return

    removed = access.group_of(work, owner, group[0] or owner.id, group[1])
    if not invitation_rows.remove_group(work.tx, invitation, removed.id):
        raise NotInvited
    after = replace(invitation, groups=tuple(slug for slug in invitation.groups if slug != removed.slug))
    if after.groups:
        work.record(Event.INVITATION_CHANGED, owner, after.email, before=invitation.facts, after=after.facts)
    else:
        invitation_letters.withdraw(work, owner, invitation)


def set_groups(
    work: UnitOfWork,
    account_name: str,
    email: str,
    slugs: Iterable[str],
    *,
    inviter: str,
    letter: bool = False,
    until: EndWish = None,
) -> Invitation | None:
    """Make an address's invitation cover exactly these groups, with `inviter` as the inviter.

    Groups that the owner of the address is a member of are left out; returns None when none is left. Sends mail only
    with `letter`. Raises NoSuchGroup, Invalid.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    invited_by = access.person(work, inviter)
    rows = [group_rows.find(work.tx, owner.id, slug) for slug in dict.fromkeys(slugs)]
    groups = [group for group in rows if group is not None]
    if len(groups) < len(rows):
        raise NoSuchGroup
    if not groups:
        raise Invalid("an invitation needs a group or a repository")
    holder = account_rows.by_email(work.tx, email)
    for group in groups:
        access.check_not_kept(work, group)
    groups = [group for group in groups if not (holder and group_rows.is_member(work.tx, group, holder.id))]
    if not groups:
        return None
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=None)
    group_slugs = tuple(sorted(group.slug for group in groups))
    end = _end(work, before, until)
    columns = invitation_letters.renewal_columns(work, owner, email, invited_by)
    after = Invitation(**columns, groups=group_slugs, until=end)
    return _set(work, owner, before, after, groups, letter=letter)


# -- to a repository (contract/api-1.0.md#5) ----------------------------------------------------------------------


def to_repository(work: UnitOfWork, account_name: str, slug: str) -> tuple[Account, list[Invitation]]:
    """Return the account and the pending invitations to a repository, newest first (contract/api-1.0.md#i3)."""
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    return owner, invitation_rows.to_repository(work.tx, owner.id, repository.id)


def invite_to_repository(
    work: UnitOfWork, account_name: str, slug: str, email: str, permission: Level, until: EndWish = None
) -> tuple[Account, Invitation]:
    """Invite an address to a repository and queue the mail (contract/api-1.0.md#i1); what it gives ends at `until`.

    Replaces a pending invitation that can't be accepted any more: one that has expired, or whose inviter lost the
    right to invite. Raises AlreadyInvited, Invalid.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    if permission is Level.READ and not repository.is_private:
        raise Invalid("everybody may read a public repository; invite to write or admin")
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository.id)
    is_open = before is not None and before.expires_at > work.at and not inviter_rights.is_void(work, before)
    if is_open or _has_level(work, owner, repository, email, permission):
        raise AlreadyInvited(is_open=is_open)
    end = _end(work, before, until)

    if before is None:
        columns = invitation_letters.renewal_columns(work, owner, email)
        invitation = Invitation(**columns, repository=repository, permission=permission, until=end)
        invitation_letters.add(work, owner, invitation, [], letter=True)
    else:
        changed = replace(before, permission=permission, until=end)
        invitation_letters.send_again(work, owner, before, changed, keep_link=False)
    return owner, _pending(work, owner, email, repository.id)


def withdraw_from_repository(work: UnitOfWork, account_name: str, slug: str, email: str) -> None:
    """Withdraw an address's invitation to a repository (contract/api-1.0.md#i4). Raises NotInvited, Invalid."""
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    invitation_letters.withdraw(work, owner, _pending(work, owner, email, repository.id))


def set_repository(
    work: UnitOfWork,
    account_name: str,
    email: str,
    slug: str,
    permission: Level,
    *,
    inviter: str,
    letter: bool = False,
    until: EndWish = None,
) -> Invitation | None:
    """Make an address's invitation to a repository have exactly this permission, with `inviter` as the inviter.

    Returns None when the owner of the address has that level already; public read access doesn't count.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    invited_by = access.person(work, inviter)
    if _has_level(work, owner, repository, email, permission):
        return None
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository.id)
    end = _end(work, before, until)
    columns = invitation_letters.renewal_columns(work, owner, email, invited_by)
    after = Invitation(**columns, repository=repository, permission=permission, until=end)
    return _set(work, owner, before, after, [], letter=letter)


# -- all of them -----------------------------------------------------------------------------------


def found(
    work: UnitOfWork, *, account_name: str | None = None, email: str | None = None
) -> list[tuple[Account, Invitation]]:
    """List pending invitations with their accounts, newest first: of one account or, for site administrators, of all.

    `email` filters by address. Sets `is_void` on those whose inviter lost the right to invite.
    """
    if account_name is not None:
        owner = access.account(work, account_name, to=To.INVITE)
        pending = invitation_rows.of_account(work.tx, owner.id)
        owners = {owner.id: owner}
    else:
        access.site(work)
        owners = {owner.id: owner for owner in account_rows.all_people(work.tx)}
        pending = invitation_rows.to_address(work.tx, email) if email else invitation_rows.all_invitations(work.tx)
    key = email_key(email) if email else None
    matching = [each for each in pending if key is None or email_key(each.email) == key]
    return [(owners[each.account_id], each) for each in reversed(inviter_rights.mark_void(work, matching))]


def resend(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Send an invitation again, with a new link and a new expiry time. Raises NotInvited, Invalid."""
    owner, invitation = _require_invitation(work, id)
    return owner, invitation_letters.send_again(work, owner, invitation, invitation, keep_link=False)


def withdraw(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Withdraw a pending invitation by its id. Raises NotInvited."""
    owner, invitation = _require_invitation(work, id)
    invitation_letters.withdraw(work, owner, invitation)
    return owner, invitation


def _pending(work: UnitOfWork, owner: Account, email: str, repository_id: str | None = None) -> Invitation:
    invitation = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository_id)
    if invitation is None:
        raise NotInvited
    return invitation


def _require_invitation(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Load an invitation by its id. Raises NotInvited also when the actor may not manage it: ids reveal nothing."""
    row = invitation_rows.by_id(work.tx, id)
    if row is None:
        raise NotInvited
    try:
        if row.repository:
            owner, _ = access.repository(work, row.account_id, row.repository.slug, to=To.INVITE_TO_REPOSITORY)
        else:
            owner = access.account(work, row.account_id, to=To.INVITE)
    except (Forbidden, NotFound):
        raise NotInvited from None
    return owner, row


def _has_level(work: UnitOfWork, owner: Account, repository: Repository, email: str, permission: Level) -> bool:
    """Return whether the owner of the address has that level already; disabled people are treated as enabled.

    Public read access doesn't count.
    """
    holder = account_rows.by_email(work.tx, email)
    if holder is None:
        return False
    enabled, private = replace(holder, is_active=True), replace(repository, is_private=True)
    return access_inputs.load(work.tx, owner, [private], [enabled]).level(enabled, private) >= permission


def _end(work: UnitOfWork, before: Invitation | None, until: EndWish) -> datetime | None:
    """Return when what an invitation gives is to end. Raises Invalid."""
    return ends.settled(until, before.until if before else None, at=work.at)


def _set(
    work: UnitOfWork,
    owner: Account,
    before: Invitation | None,
    after: Invitation,
    groups: Sequence[Group],
    *,
    letter: bool,
) -> Invitation:
    if before is None:
        return invitation_letters.add(work, owner, after, groups, letter=letter)
    if before.facts == after.facts:
        return before
    if before.email != after.email:
        # A different spelling may be a different mailbox, which must not inherit the old link.
        invitation_letters.withdraw(work, owner, before)
        return invitation_letters.add(work, owner, after, groups, letter=letter)

    changed = replace(
        before, invited_by=after.invited_by, groups=after.groups, permission=after.permission, until=after.until
    )
    if letter:
        changed = invitation_letters.send_again(
            work, owner, before, changed, keep_link=not inviter_rights.is_void(work, before)
        )
    else:
        invitation_rows.change(work.tx, changed)
        work.record(Event.INVITATION_CHANGED, owner, changed.email, before=before.facts, after=changed.facts)
    invitation_rows.set_groups(work.tx, changed, [group.id for group in groups])
    return changed
