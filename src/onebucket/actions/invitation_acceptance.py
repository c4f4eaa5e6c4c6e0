"""Invitations from the invited person's side: view, accept, decline, and sign up with one.

A link's secret arrives here only as its hash.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from onebucket.actions import access, accounts, emails, inviter_rights, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import groups, invitations, privileges
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.invitations import Invitation
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Forbidden, LinkExpired
from onebucket.store import account_rows, email_rows, group_rows, invitation_rows, invitee_rows, privilege_rows
from onebucket.store.set_levels import Grant

_SIGN_UP = "sign-up"


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as shown to the holder of its link.

    `has_account`: the invited address belongs to an account; `is_addressed_to_viewer`: to the actor's own account;
    `may_sign_up`: an account with a password can be created with this invitation. `others` have the same link, and are
    accepted or declined with it.
    """

    owner: Account
    invitation: Invitation
    group_names: tuple[str, ...]
    has_account: bool
    is_addressed_to_viewer: bool
    may_sign_up: bool
    others: tuple[Invitation, ...] = ()


def view(work: UnitOfWork, secret_hash: str) -> InvitationView:
    """Return the invitations behind a link, without consuming the link. Raises LinkExpired."""
    owner, (invitation, *others) = _require_valid(work, secret_hash)
    holder = account_rows.by_email(work.tx, invitation.email)
    names = {group.slug: group.name for group in group_rows.of_account(work.tx, owner.id)} if invitation.groups else {}
    return InvitationView(
        owner=owner,
        invitation=invitation,
        group_names=tuple(names[slug] for slug in invitation.groups),
        has_account=holder is not None,
        is_addressed_to_viewer=holder is not None and holder.id == work.actor.id,
        may_sign_up=holder is None and work.site_limits.sign_up != "off" and _takes_passwords(work),
        others=tuple(others),
    )


def mark_opened(work: UnitOfWork, secret_hash: str) -> None:
    """Store when the link was first opened, to show it to administrators. Raises LinkExpired."""
    _, valid = _require_valid(work, secret_hash)
    for invitation in valid:
        if invitation.opened_at is None:
            invitation_rows.mark_opened(work.tx, invitation, work.at)


def accept(work: UnitOfWork, secret_hash: str, *, name: str | None = None) -> tuple[Account, Invitation]:
    """Accept the invitations behind a link as the actor or, if a site administrator sets `name`, for that person.

    Consumes the link. Returns the account that was joined and the first of the invitations.
    Raises LinkExpired, WrongRecipient, Forbidden.
    """
    person = _person(work, name)
    owner, valid = _require_valid(work, secret_hash)
    emails = email_rows.of_person(work.tx, person.id)
    for invitation in valid:
        invitations.check_invitee(invitation, {email.key for email in emails if email.validated})

    for invitation in _closed(work, valid, secret_hash):
        _accept(work, owner, invitation, person)
    return owner, valid[0]


def decline(work: UnitOfWork, secret_hash: str) -> None:
    """Decline the invitations behind a link; holding the link is enough. Raises LinkExpired."""
    owner, valid = _require_valid(work, secret_hash)

    for invitation in _closed(work, valid, secret_hash):
        _decline(work, owner, invitation)


def mine(work: UnitOfWork) -> list[tuple[Account, Invitation]]:
    """List the invitations to the actor's validated addresses that can be accepted now, oldest first."""
    acceptable = []
    for invitation in invitee_rows.invited_to(work.tx, _person(work, None).id):
        try:
            acceptable.append((_checked(work, invitation), invitation))
        except LinkExpired:
            continue
    return acceptable


def accept_mine(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Accept an invitation listed by `mine`; a validated address replaces the link. Raises LinkExpired."""
    owner, invitation = _mine(work, id)

    _accept(work, owner, invitation, _person(work, None))
    return owner, invitation


def decline_mine(work: UnitOfWork, id: str) -> None:
    """Decline an invitation listed by `mine`. Raises LinkExpired."""
    _decline(work, *_mine(work, id))


def sign_up(work: UnitOfWork, secret_hash: str, *, username: str, display_name: str, password_hash: str) -> Account:
    """Create an account for the invited address, which counts as validated, and accept the invitation with it.

    Raises LinkExpired, Invalid, Conflict; Forbidden when sign-up is off or the address has an account.
    """
    offer = view(work, secret_hash)
    if not offer.may_sign_up:
        raise Forbidden("no account can be created with this invitation")

    credential = f"invitation:{offer.invitation.id}"
    with work.on_behalf(Actor(None, credential, is_operator=True)):
        account = accounts.add_user(
            work,
            username,
            email=offer.invitation.email,
            display_name=display_name or None,
            password_hash=password_hash,
        )
    with work.on_behalf(Actor(account, credential)):
        accept(work, secret_hash)
    return account


def is_invited(work: UnitOfWork, email: str) -> bool:
    """Return whether an address has an invitation that can be accepted now."""
    for invitation in invitation_rows.to_address(work.tx, email):
        with suppress(LinkExpired):
            _checked(work, invitation)
            return True
    return False


def check_open(work: UnitOfWork, username: str) -> None:
    """Check that anybody may sign up and that the username is free. Raises Forbidden, Conflict."""
    _require_open(work)
    if account_rows.by_username(work.tx, username) is not None:
        raise Conflict(f"there is an account '{username}' already")


def sign_up_openly(work: UnitOfWork, *, username: str, display_name: str, email: str, password_hash: str) -> Account:
    """Create an account without an invitation and queue the mail that confirms its address.

    Raises Forbidden unless sign-up is open, Invalid, Conflict, TooManyRequests.
    """
    _require_open(work)

    with work.on_behalf(Actor(None, _SIGN_UP, is_operator=True)):
        account = accounts.add_user(
            work, username, email=None, display_name=display_name or None, password_hash=password_hash
        )
    with work.on_behalf(Actor(account, _SIGN_UP)):
        emails.ask_for(work, account.id, email)
    return account


def _require_open(work: UnitOfWork) -> None:
    if work.site_limits.sign_up != "open":
        raise Forbidden("accounts are made for people who are invited")
    if not _takes_passwords(work):
        raise Forbidden("people sign in with a provider here, not with a password")


def _takes_passwords(work: UnitOfWork) -> bool:
    return work.site_limits.takes_password(of_site_admin=False)


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


def _require_valid(work: UnitOfWork, secret_hash: str) -> tuple[Account, list[Invitation]]:
    """Return the account and those invitations behind a link that can be accepted now. Raises LinkExpired."""
    valid: list[tuple[Account, Invitation]] = []
    for invitation in invitation_rows.by_hash(work.tx, secret_hash):
        with suppress(LinkExpired):
            valid.append((_checked(work, invitation), invitation))
    if not valid:
        raise LinkExpired
    return valid[0][0], [invitation for _, invitation in valid]


def _closed(work: UnitOfWork, valid: Sequence[Invitation], secret_hash: str) -> Iterator[Invitation]:
    """Consume the link, and yield each invitation that is still there then. Raises LinkExpired if none is."""
    is_closed = False
    for invitation in valid:
        # What was accepted before may have ended it.
        if invitation_rows.close(work.tx, invitation, secret_hash, work.at):
            is_closed = True
            yield invitation
    if not is_closed:
        raise LinkExpired


def _mine(work: UnitOfWork, id: str) -> tuple[Account, Invitation]:
    """Return the invitation with this id if it is to one of the actor's addresses. Raises LinkExpired."""
    invitation = invitee_rows.invitation_to(work.tx, _person(work, None).id, id)
    if invitation is None:
        raise LinkExpired
    return _checked(work, invitation), invitation


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
    """Delete the invitation; of several concurrent attempts one succeeds. Raises LinkExpired for the others."""
    if not invitation_rows.remove(work.tx, invitation):
        raise LinkExpired


def _grant_access(work: UnitOfWork, owner: Account, invitation: Invitation, person: Account) -> None:
    """Add the person to the groups, or raise their level on the repository; never lower it (contract/api-1.0.md#5)."""
    by = invitation.invited_by.id
    for slug in invitation.groups:
        group = group_rows.find(work.tx, owner.id, slug)
        if group and group_rows.add_member(
            work.tx, group, person.id, by=by, at=work.next_timestamp(), until=invitation.until
        ):
            work.record(Event.MEMBER_ADDED, owner, slug, after=groups.member_facts(person, invitation.until))

    repository, permission = invitation.repository, invitation.permission or Level.NONE
    if repository is None:
        return
    before, ended = privilege_rows.given_level(work.tx, owner.id, repository.id, person.id)
    if permission > (before or Level.NONE):
        granted = Grant(by, work.next_timestamp(), invitation.until)
        privilege_rows.set_for_person(work.tx, owner.id, repository.id, person.id, permission, granted)
        work.record(
            Event.PRIVILEGE_SET,
            owner,
            repository.slug,
            before=privileges.facts("user", person.username, before, ended),
            after=privileges.facts("user", person.username, permission, invitation.until),
        )
