"""What comes of an invitation: looking at it with its link, accepting it, declining it, making an account for it.

The link is all that somebody without an account has; of it, only the hash arrives here.
"""

from dataclasses import dataclass

from onebucket.actions import access, accounts, emails, inviter_rights, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import invitations
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.invitations import Invitation
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Forbidden, LinkExpired
from onebucket.store import account_rows, email_rows, group_rows, invitation_rows, invitee_rows, privilege_rows

_SIGN_UP = "sign-up"


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as whoever holds its link may see it.

    `has_account`: the invited address belongs to somebody already; `is_yours`: to the person who looks; `may_sign_up`:
    an account can be made with it.
    """

    owner: Account
    invitation: Invitation
    group_names: tuple[str, ...]
    has_account: bool
    is_addressed_to_viewer: bool
    may_sign_up: bool


def view(work: UnitOfWork, secret_hash: str) -> InvitationView:
    """What the link with that hash offers; nothing is spent by looking. Raises LinkExpired."""
    owner, invitation = _require_valid(work, secret_hash)
    holder = account_rows.by_email(work.tx, invitation.email)
    found = {group.slug: group.name for group in group_rows.of_account(work.tx, owner.id)} if invitation.groups else {}
    return InvitationView(
        owner=owner,
        invitation=invitation,
        group_names=tuple(found[slug] for slug in invitation.groups),
        has_account=holder is not None,
        is_addressed_to_viewer=holder is not None and holder.id == work.actor.id,
        may_sign_up=holder is None and work.site_limits.sign_up != "off",
    )


def mark_opened(work: UnitOfWork, secret_hash: str) -> None:
    """Keep that the link was opened, for those who wait for an answer. Raises LinkExpired."""
    _, invitation = _require_valid(work, secret_hash)
    if invitation.opened_at is None:
        invitation_rows.mark_opened(work.tx, invitation, work.at)


def accept(work: UnitOfWork, secret_hash: str, *, name: str | None = None) -> tuple[Account, Invitation]:
    """Accept an invitation, as the person who asks or, for the operator, as the person called `name`; once.

    Gives the account that was joined. Raises LinkExpired, WrongRecipient, Forbidden.
    """
    person = _person(work, name)
    owner, invitation = _require_valid(work, secret_hash)
    emails = email_rows.of_person(work.tx, person.id)
    invitations.check_invitee(invitation, {email.key for email in emails if email.validated})
    if not invitation_rows.close(work.tx, invitation, secret_hash, work.at):
        raise LinkExpired

    _accept(work, owner, invitation, person)
    return owner, invitation


def decline(work: UnitOfWork, secret_hash: str) -> None:
    """Decline an invitation: whoever has the link may. Raises LinkExpired."""
    owner, invitation = _require_valid(work, secret_hash)
    if not invitation_rows.close(work.tx, invitation, secret_hash, work.at):
        raise LinkExpired

    _decline(work, owner, invitation)


def mine(work: UnitOfWork) -> list[tuple[Account, Invitation]]:
    """What the confirmed addresses of the person who asks are invited to and can accept now, oldest first."""
    found = []
    for invitation in invitee_rows.invited_to(work.tx, _person(work, None).id):
        try:
            found.append((_checked(work, invitation), invitation))
        except LinkExpired:
            continue
    return found


def accept_mine(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Accept one of those: a confirmed address is as good as the link that was sent to it. Raises LinkExpired."""
    owner, invitation = _mine(work, id)

    _accept(work, owner, invitation, _person(work, None))
    return owner, invitation


def decline_mine(work: UnitOfWork, id: str) -> None:
    """Decline one of those. Raises LinkExpired."""
    _decline(work, *_mine(work, id))


def sign_up(work: UnitOfWork, secret_hash: str, *, username: str, display_name: str, password_hash: str) -> Account:
    """Make an account for the invited address, which counts as validated, and accept as its owner.

    Raises LinkExpired, Forbidden when accounts can't be made so or the address has one, Invalid, Conflict.
    """
    offer = view(work, secret_hash)
    if not offer.may_sign_up:
        raise Forbidden("no account can be made with this invitation")

    credential = f"invitation:{offer.invitation.id}"
    with work.on_behalf(Actor(None, credential, is_operator=True)):
        made = accounts.add_user(
            work,
            username,
            email=offer.invitation.email,
            display_name=display_name or None,
            password_hash=password_hash,
        )
    with work.on_behalf(Actor(made, credential)):
        accept(work, secret_hash)
    return made


def check_open(work: UnitOfWork, username: str) -> None:
    """Look whether an account of that name can be made without an invitation. Raises Forbidden, Conflict."""
    if work.site_limits.sign_up != "open":
        raise Forbidden("accounts are made for people who are invited")
    if account_rows.by_username(work.tx, username) is not None:
        raise Conflict(f"there is an account '{username}' already")


def sign_up_openly(work: UnitOfWork, *, username: str, display_name: str, email: str, password_hash: str) -> Account:
    """Make an account without an invitation, where anybody may; its address waits until a letter confirmed it.

    Raises Forbidden where it is not open to everybody, Invalid, Conflict, TooManyRequests.
    """
    if work.site_limits.sign_up != "open":
        raise Forbidden("accounts are made for people who are invited")

    with work.on_behalf(Actor(None, _SIGN_UP, is_operator=True)):
        made = accounts.add_user(
            work, username, email=None, display_name=display_name or None, password_hash=password_hash
        )
    with work.on_behalf(Actor(made, _SIGN_UP)):
        emails.ask_for(work, made.id, email)
    return made


def _person(work: UnitOfWork, name: str | None) -> Account:
    if name is not None:
        access.site(work)
        person = access.person(work, name)
    elif work.actor.account is not None:
        person = work.actor.account
    else:
        raise Forbidden("sign in to accept an invitation")
    if not person.is_active:
        raise Forbidden(f"{person.username} is disabled")
    return person


def _require_valid(work: UnitOfWork, secret_hash: str) -> tuple[Account, Invitation]:
    """The invitation behind a link that is good, whose inviter may invite to it still. Raises LinkExpired."""
    invitation = invitation_rows.by_hash(work.tx, secret_hash)
    if invitation is None:
        raise LinkExpired
    return _checked(work, invitation), invitation


def _mine(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """The invitation of that id, if it is to an address of the person who asks. Raises LinkExpired."""
    found = [each for each in invitee_rows.invited_to(work.tx, _person(work, None).id) if each.id == id]
    if not found:
        raise LinkExpired
    return _checked(work, found[0]), found[0]


def _checked(work: UnitOfWork, invitation: Invitation) -> Account:
    invitations.check_link(invitation, work.at)
    return inviter_rights.check(work, invitation)


def _accept(work: UnitOfWork, owner: Account, invitation: Invitation, person: Account) -> None:
    _end(work, invitation)

    with pending_invitations.settling(work, owner, person=person):
        _grant_access(work, owner, invitation, person)

        facts = {"user": person.username}
        work.record(Event.INVITATION_ACCEPTED, owner, invitation.email, before=invitation.facts, after=facts)


def _decline(work: UnitOfWork, owner: Account, invitation: Invitation) -> None:
    _end(work, invitation)

    work.record(Event.INVITATION_DECLINED, owner, invitation.email, before=invitation.facts)


def _end(work: UnitOfWork, invitation: Invitation) -> None:
    """Let it be over, for one of any number who try at once. Raises LinkExpired for the others."""
    if not invitation_rows.remove(work.tx, invitation):
        raise LinkExpired


def _grant_access(work: UnitOfWork, owner: Account, invitation: Invitation, person: Account) -> None:
    """Into the groups or, on the repository, up to the permission: never down (contract/api-1.0.md#5)."""
    by = invitation.invited_by.id
    for slug in invitation.groups:
        group = group_rows.find(work.tx, owner.id, slug)
        if group and group_rows.add_member(work.tx, group, person.id, by=by, at=work.next_timestamp()):
            work.record(Event.MEMBER_ADDED, owner, slug, after={"member": person.username, "id": person.id})

    repository, permission = invitation.repository, invitation.permission or Level.NONE
    if repository is None:
        return
    before = privilege_rows.of_person(work.tx, owner.id, repository.id, person.id)
    if permission > (before or Level.NONE):
        privilege_rows.set_for_person(
            work.tx, owner.id, repository.id, person.id, permission, by=by, at=work.next_timestamp()
        )
        work.record(
            Event.PRIVILEGE_SET,
            owner,
            repository.slug,
            before={"user": person.username, "privilege": before.word} if before is not None else None,
            after={"user": person.username, "privilege": permission.word},
        )
