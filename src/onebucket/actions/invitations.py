"""Pending invitations: making, listing, sending again and withdrawing them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from onebucket.actions import access, invitation_letters, inviter_rights
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, email_key
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
    """The account, and who is invited to groups of it, the newest first (contract/api-1.0.md#u1)."""
    owner = access.account(work, account_name, to=To.INVITE)
    return owner, [each for each in reversed(invitation_rows.of_account(work.tx, owner.id)) if each.repository is None]


def to_groups_of(work: UnitOfWork, account_name: str, email: str) -> tuple[Account, Invitation]:
    """The account, and what one address is invited to there (contract/api-1.0.md#u2). Raises NotInvited, Invalid."""
    owner = access.account(work, account_name, to=To.INVITE)
    return owner, _pending(work, owner, email)


def check_invited(work: UnitOfWork, account_name: str, email: str, group_owner: str, slug: str) -> None:
    """Nothing, if an address is invited to that group (contract/api-1.0.md#u3). Raises NotInvited otherwise."""
    owner, invitation = to_groups_of(work, account_name, email)
    if access.group_of(work, owner, group_owner, slug).slug not in invitation.groups:
        raise NotInvited


def invite_to_group(
    work: UnitOfWork, account_name: str, email: str, group_owner: str | None, slug: str
) -> tuple[Account, Invitation]:
    """Invite an address to a group; a letter goes out (contract/api-1.0.md#u4). Raises AlreadyMember, NoSuchGroup, Invalid.

    A second group joins the pending invitation, and the link of the first letter stays good. For the same group again
    the invitation is sent again, with another link. One whose inviter may not invite any more is replaced.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    group = access.group_of(work, owner, group_owner or owner.id, slug)
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=None)
    holder = account_rows.by_email(work.tx, email)
    if holder and group_rows.is_member(work.tx, group, holder.id):
        raise AlreadyMember

    if before is None:
        named = Invitation(**invitation_letters.renewal_columns(work, owner, email), groups=(group.slug,))
        return owner, invitation_letters.add(work, owner, named, [group], letter=True)
    if inviter_rights.is_void(work, before):
        instead = invitation_letters.send_again(
            work, owner, before, replace(before, groups=(group.slug,)), keep_link=False
        )
        invitation_rows.set_groups(work.tx, instead, [group.id])
        return owner, instead
    wanted = replace(before, groups=tuple(sorted({*before.groups, group.slug})))
    joined = invitation_letters.send_again(work, owner, before, wanted, keep_link=group.slug not in before.groups)
    invitation_rows.add_groups(work.tx, joined, [group.id])
    return owner, joined


def withdraw_from_groups(work: UnitOfWork, account_name: str, email: str, group: tuple[str | None, str] | None) -> None:
    """Withdraw what an address is invited to in an account: all groups, or one by (owner, slug) (contract/api-1.0.md#u6 to #u8).

    Raises NotInvited, NoSuchGroup, Invalid.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    invitation = _pending(work, owner, email)
    if group is None:
        invitation_letters.withdraw(work, owner, invitation)
        return

    left_out = access.group_of(work, owner, group[0] or owner.id, group[1])
    if not invitation_rows.remove_group(work.tx, invitation, left_out.id):
        raise NotInvited
    after = replace(invitation, groups=tuple(slug for slug in invitation.groups if slug != left_out.slug))
    if after.groups:
        work.record(Event.INVITATION_CHANGED, owner, after.email, before=invitation.facts, after=after.facts)
    else:
        invitation_letters.withdraw(work, owner, invitation)


def set_groups(
    work: UnitOfWork, account_name: str, email: str, slugs: Iterable[str], *, inviter: str, letter: bool = False
) -> Invitation | None:
    """Let an address be invited to exactly these groups, in the name of `inviter`, with a letter or without.

    Those that its owner is in are left out; None when that is all of them.
    """
    owner = access.account(work, account_name, to=To.INVITE)
    invited_by = access.person(work, inviter)
    chosen = [group_rows.find(work.tx, owner.id, slug) for slug in dict.fromkeys(slugs)]
    found = [group for group in chosen if group is not None]
    if len(found) < len(chosen):
        raise NoSuchGroup
    if not found:
        raise Invalid("an invitation needs a group or a repository")
    holder = account_rows.by_email(work.tx, email)
    found = [group for group in found if not (holder and group_rows.is_member(work.tx, group, holder.id))]
    if not found:
        return None
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=None)
    named = tuple(sorted(group.slug for group in found))
    after = Invitation(**invitation_letters.renewal_columns(work, owner, email, invited_by), groups=named)
    return _set(work, owner, before, after, found, letter=letter)


# -- to a repository (contract/api-1.0.md#5) ----------------------------------------------------------------------


def to_repository(work: UnitOfWork, account_name: str, slug: str) -> tuple[Account, list[Invitation]]:
    """The account, and who is invited to one repository of it, the newest first (contract/api-1.0.md#i3)."""
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    found = invitation_rows.of_account(work.tx, owner.id)
    return owner, [each for each in reversed(found) if each.repository and each.repository.id == repository.id]


def invite_to_repository(
    work: UnitOfWork, account_name: str, slug: str, email: str, permission: Level
) -> tuple[Account, Invitation]:
    """Invite an address to a repository; a letter goes out (contract/api-1.0.md#i1). Raises AlreadyInvited, Invalid.

    An invitation that nobody can accept any more, because its time is over or its inviter may not invite, is no reason
    to refuse: this one takes its place.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    if permission is Level.READ and not repository.is_private:
        raise Invalid("everybody may read a public repository; invite to write or admin")
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository.id)
    is_open = before is not None and before.expires_at > work.at and not inviter_rights.is_void(work, before)
    if is_open or _has(work, owner, repository, email, permission):
        raise AlreadyInvited(is_open=is_open)

    if before is None:
        named = Invitation(
            **invitation_letters.renewal_columns(work, owner, email), repository=repository, permission=permission
        )
        invitation_letters.add(work, owner, named, [], letter=True)
    else:
        invitation_letters.send_again(work, owner, before, replace(before, permission=permission), keep_link=False)
    return owner, _pending(work, owner, email, repository.id)


def withdraw_from_repository(work: UnitOfWork, account_name: str, slug: str, email: str) -> None:
    """Withdraw what an address is invited to on a repository (contract/api-1.0.md#i4). Raises NotInvited, Invalid."""
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    invitation_letters.withdraw(work, owner, _pending(work, owner, email, repository.id))


def set_repository(
    work: UnitOfWork, account_name: str, email: str, slug: str, permission: Level, *, inviter: str, letter: bool = False
) -> Invitation | None:
    """Let an address be invited to a repository with exactly this permission, in the name of `inviter`.

    None when its owner has so much there, apart from what everybody has.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.INVITE_TO_REPOSITORY)
    invited_by = access.person(work, inviter)
    if _has(work, owner, repository, email, permission):
        return None
    before = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository.id)
    after = Invitation(
        **invitation_letters.renewal_columns(work, owner, email, invited_by),
        repository=repository,
        permission=permission,
    )
    return _set(work, owner, before, after, [], letter=letter)


# -- all of them -----------------------------------------------------------------------------------


def found(
    work: UnitOfWork, *, account_name: str | None = None, email: str | None = None
) -> list[tuple[Account, Invitation]]:
    """Pending invitations with their accounts, the newest first: of one account, or of all for whoever runs the site.

    With `email`, only those of that address. Each is marked when nobody can accept it any more.
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
    chosen = [each for each in pending if key is None or email_key(each.email) == key]
    return [(owners[each.account_id], each) for each in reversed(inviter_rights.mark_void(work, chosen))]


def resend(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Send an invitation again: a new letter with a new link, good from now on. Raises NotInvited, Invalid."""
    owner, invitation = _held(work, id)
    return owner, invitation_letters.send_again(work, owner, invitation, invitation, keep_link=False)


def withdraw(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """End a pending invitation. Raises NotInvited."""
    owner, invitation = _held(work, id)
    invitation_letters.withdraw(work, owner, invitation)
    return owner, invitation


def _pending(work: UnitOfWork, owner: Account, email: str, repository_id: str | None = None) -> Invitation:
    invitation = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository_id)
    if invitation is None:
        raise NotInvited
    return invitation


def _held(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """An invitation by its id alone: whoever may not manage it learns nothing of it."""
    found = invitation_rows.by_id(work.tx, id)
    if found is None:
        raise NotInvited
    try:
        if found.repository:
            owner, _ = access.repository(work, found.account_id, found.repository.slug, to=To.INVITE_TO_REPOSITORY)
        else:
            owner = access.account(work, found.account_id, to=To.INVITE)
    except (Forbidden, NotFound):
        raise NotInvited from None
    return owner, found


def _has(work: UnitOfWork, owner: Account, repository: Repository, email: str, permission: Level) -> bool:
    """Whether the person with that address may do that much there already, or could if they weren't disabled.

    What everybody may do on a public repository doesn't count: it isn't theirs.
    """
    holder = account_rows.by_email(work.tx, email)
    if holder is None:
        return False
    enabled, private = replace(holder, is_active=True), replace(repository, is_private=True)
    return access_inputs.load(work.tx, owner, [private], [enabled]).level(enabled, private) >= permission


def _set(
    work: UnitOfWork,
    owner: Account,
    before: Invitation | None,
    after: Invitation,
    found: Sequence[Group],
    *,
    letter: bool,
) -> Invitation:
    if before is None:
        return invitation_letters.add(work, owner, after, found, letter=letter)
    if before.facts == after.facts:
        return before
    if before.email != after.email:
        # Spelled differently it may be another mailbox, and the old one's link is not for it.
        invitation_letters.withdraw(work, owner, before)
        return invitation_letters.add(work, owner, after, found, letter=letter)

    wanted = replace(before, invited_by=after.invited_by, groups=after.groups, permission=after.permission)
    if letter:
        wanted = invitation_letters.send_again(
            work, owner, before, wanted, keep_link=not inviter_rights.is_void(work, before)
        )
    else:
        invitation_rows.change(work.tx, wanted)
        work.record(Event.INVITATION_CHANGED, owner, wanted.email, before=before.facts, after=wanted.facts)
    invitation_rows.set_groups(work.tx, wanted, [group.id for group in found])
    return wanted
