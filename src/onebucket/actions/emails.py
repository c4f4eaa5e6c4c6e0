"""A person's e-mail addresses: add one, confirm it, choose the primary one, remove one."""

from dataclasses import dataclass

from onebucket.actions import access, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import site_limits
from onebucket.domain.accounts import Account, email_key, new_email_key
from onebucket.domain.events import Event
from onebucket.domain.letters import MailKind
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Invalid, LinkExpired, NotFound, WrongRecipient
from onebucket.store import email_rows, one_time_link_rows
from onebucket.store.email_rows import Email
from onebucket.store.one_time_link_rows import LinkPurpose, OneTimeLink


@dataclass(frozen=True, slots=True)
class Addresses:
    """A person's validated addresses, the primary one first, and the links of those that aren't confirmed yet."""

    confirmed: list[Email]
    waiting: list[OneTimeLink]


def of_person(work: UnitOfWork, name: str) -> Addresses:
    """Return a person's addresses, without links that have expired. Raises NotFound, Forbidden."""
    person = _person(work, name)
    waiting = [
        link
        for link in one_time_link_rows.of_person(work.tx, person.id, LinkPurpose.EMAIL)
        if link.expires_at > work.at
    ]
    return Addresses(email_rows.of_person(work.tx, person.id), waiting)


def ask_for(work: UnitOfWork, name: str, address: str) -> None:
    """Request one more address for a person: queue a letter to it with the link that confirms it.

    Doesn't reveal whether the address belongs to another account. Raises Invalid, TooManyRequests.
    """
    person = _person(work, name)
    key = new_email_key(address)
    if any(email.key == key for email in email_rows.of_person(work.tx, person.id)):
        raise Invalid("that address is one of yours already")
    link = OneTimeLink(
        person.id, work.new_id(), LinkPurpose.EMAIL, address, work.at, work.at + site_limits.CONFIRM_EMAIL_LIFETIME
    )

    work.queue_mail(MailKind.CONFIRM_EMAIL, person, about=link.id, link_id=link.id, email=address)
    one_time_link_rows.replace(work.tx, link)

    work.record(Event.EMAIL_ASKED, person, person.username, after={"email": address})


def asked(work: UnitOfWork, secret_hash: str) -> tuple[Account, OneTimeLink]:
    """Return the person and the link with this hash, without consuming it. Raises LinkExpired, WrongRecipient.

    Only the person who requested the address may confirm it: otherwise the owner of a mailbox could be led to confirm
    their address for somebody else's account.
    """
    link = one_time_link_rows.by_hash(work.tx, secret_hash)
    if link is None or link.purpose is not LinkPurpose.EMAIL or link.expires_at <= work.at:
        raise LinkExpired
    if link.account_id != work.actor.id:
        raise WrongRecipient
    return _person(work, link.account_id), link


def add(work: UnitOfWork, name: str, address: str) -> Email:
    """Add an address to a person as a confirmed one, without a letter; for site administrators.

    It becomes the primary one if they have none. Raises NotFound, Forbidden, Invalid, and Conflict for an address of
    somebody else.
    """
    access.site(work)
    person = _person(work, name)
    key = new_email_key(address)
    before = {email.key: email for email in email_rows.of_person(work.tx, person.id)}
    if key in before:
        raise Conflict(f"that is an address of {person.username} already")

    one_time_link_rows.remove(work.tx, person.id, LinkPurpose.EMAIL, address)
    _attach(work, person, address, is_primary=not before)
    return next(email for email in email_rows.of_person(work.tx, person.id) if email.key == key)


def confirm(work: UnitOfWork, secret_hash: str) -> str:
    """Consume the link and add its address to the person; return it. Raises LinkExpired, WrongRecipient, Conflict."""
    person, link = asked(work, secret_hash)
    is_first = not email_rows.of_person(work.tx, person.id)
    if not one_time_link_rows.consume_once(work.tx, link, secret_hash, work.at):
        raise LinkExpired

    _attach(work, person, link.email, is_primary=is_first)
    return link.email


def make_primary(work: UnitOfWork, name: str, address: str) -> None:
    """Make one of a person's addresses the primary one, which mail is sent to. Raises NotFound."""
    person = _person(work, name)
    before, after = _primary_and_requested(work, person, address)
    if before == after:
        return

    email_rows.set_primary(work.tx, person.id, after.key)

    work.record(
        Event.EMAIL_PRIMARY,
        person,
        person.username,
        before={"email": before.address} if before else None,
        after={"email": after.address},
    )


def end(work: UnitOfWork, name: str, address: str) -> None:
    """Remove an address, or a request for one, from a person. Raises NotFound, Invalid for the primary one."""
    person = _person(work, name)
    if one_time_link_rows.remove(work.tx, person.id, LinkPurpose.EMAIL, address):
        return
    primary, removed = _primary_and_requested(work, person, address)
    if removed == primary:
        raise Invalid("that is the primary address, which gets e-mails: make another one primary first")

    email_rows.remove(work.tx, person.id, removed.key)

    work.record(Event.EMAIL_REMOVED, person, person.username, before={"email": removed.address})


def _attach(work: UnitOfWork, person: Account, address: str, *, is_primary: bool) -> None:
    email_rows.add(work.tx, person.id, address, is_primary=is_primary, at=work.at)

    work.record(Event.EMAIL_ADDED, person, person.username, after={"email": address})
    pending_invitations.end_held(work, person)


def _person(work: UnitOfWork, name: str) -> Account:
    person = access.account(work, name, to=To.CHANGE_PERSON)
    if person.is_team:
        raise Invalid(f"{person.username} is a team, not a person")
    return person


def _primary_and_requested(work: UnitOfWork, person: Account, address: str) -> tuple[Email | None, Email]:
    emails = {email.key: email for email in email_rows.of_person(work.tx, person.id)}
    requested = emails.get(email_key(address))
    if requested is None:
        raise NotFound(f"that is not an address of {person.username}")
    return next((email for email in emails.values() if email.is_primary), None), requested
