"""A person's password: change it, or reset a forgotten one with a link sent by mail."""

from onebucket.actions import access, consumers, oauth_authorizations, ssh_keys, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import site_limits
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.letters import MailKind
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Invalid, LinkExpired
from onebucket.store import account_rows, email_rows, one_time_link_rows, session_rows
from onebucket.store.one_time_link_rows import LinkPurpose, OneTimeLink


def change(work: UnitOfWork, name: str, hash: str) -> Account:
    """Set a person's password to the one with this hash; ends the old one, all sessions and all reset links at once.

    Raises NotFound, Forbidden, Invalid for a team.
    """
    person = access.account(work, name, to=To.CHANGE_PERSON)
    if person.is_team:
        raise Invalid(f"{person.username} is a team, not a person")

    account_rows.set_password(work.tx, person.id, hash)
    session_rows.end_all(work.tx, person.id)
    one_time_link_rows.remove_all(work.tx, person.id, LinkPurpose.PASSWORD)

    work.record(Event.PASSWORD_SET, person, person.username)
    return person


def request_reset(work: UnitOfWork, login: str) -> None:
    """Queue a letter with a reset link to the active person with this username or address, if there is one.

    Doesn't reveal whether there is. For `site_limits.RESET_PAUSE` after a letter no other one is sent to that address,
    and its link stays valid: nobody can invalidate it, or use up letters, with more requests.
    """
    person = account_rows.named(work.tx, login)
    address = _address_for_reset(work, person) if person else None
    if person is None or address is None:
        return
    earlier = one_time_link_rows.of_person(work.tx, person.id, LinkPurpose.PASSWORD)
    if any(each.email == address and work.at - each.created_at < site_limits.RESET_PAUSE for each in earlier):
        return
    _send_reset(work, person, address)


def send_reset(work: UnitOfWork, name: str) -> str:
    """Queue a letter with a reset link to a person, for site administrators; return the address. Earlier links end.

    Raises NotFound, Forbidden, and Conflict for somebody who couldn't use it.
    """
    access.site(work)
    person = access.person(work, name)
    address = _address_for_reset(work, person)
    if address is None:
        raise Conflict(f"{person.username} is disabled, has no address, or uses no password")
    _send_reset(work, person, address)
    return address


def _address_for_reset(work: UnitOfWork, person: Account) -> str | None:
    """Return the address that a reset link may be sent to; None if the person couldn't use one."""
    if person.is_team or not person.is_active or not _takes_password(work, person):
        return None
    emails = email_rows.of_person(work.tx, person.id)
    return next((email.address for email in emails if email.validated), None)


def _send_reset(work: UnitOfWork, person: Account, address: str) -> None:
    link = OneTimeLink(
        person.id,
        work.new_id(),
        LinkPurpose.PASSWORD,
        address,
        work.at,
        work.at + site_limits.RESET_PASSWORD_LIFETIME,
    )

    work.queue_mail(MailKind.RESET_PASSWORD, person, about=link.id, link_id=link.id, email=link.email)
    one_time_link_rows.replace(work.tx, link)

    work.record(Event.PASSWORD_RESET_ASKED, person, person.username)


def find_reset(work: UnitOfWork, secret_hash: str) -> tuple[Account, OneTimeLink]:
    """Return the person and the reset link with this hash, without consuming it.

    Raises LinkExpired, also when the person was disabled or the address is no longer one of theirs.
    """
    link = one_time_link_rows.by_hash(work.tx, secret_hash)
    person = account_rows.by_id(work.tx, link.account_id) if link else None
    if link is None or person is None or link.purpose is not LinkPurpose.PASSWORD:
        raise LinkExpired
    emails = email_rows.of_person(work.tx, person.id)
    still_theirs = any(email.validated and email.address == link.email for email in emails)
    if link.expires_at <= work.at or not person.is_active or not still_theirs or not _takes_password(work, person):
        raise LinkExpired
    return person, link


def reset(work: UnitOfWork, secret_hash: str, hash: str, *, end_programs: bool = False) -> Account:
    """Consume a reset link and set a new password; ends all sessions. Raises LinkExpired.

    `end_programs` also ends app passwords, SSH keys, OAuth authorizations, and consumers that act for the person.
    """
    person, link = find_reset(work, secret_hash)
    if not one_time_link_rows.consume_once(work.tx, link, secret_hash, work.at):
        raise LinkExpired

    with work.on_behalf(_by_letter(person)):
        if end_programs:
            _end_programs(work, person)
        return change(work, person.id, hash)


def _end_programs(work: UnitOfWork, person: Account) -> None:
    for token in tokens.of_person(work, person.id):
        tokens.revoke_of(work, person.id, token.id)
    ssh_keys.remove_all(work, person.id)
    oauth_authorizations.withdraw_all(work)
    for owner, consumer, acts_for in consumers.list_consumers(work, person.id):
        if acts_for is not None and acts_for.id == person.id:
            consumers.revoke_of(work, owner.id, consumer.key)


def _takes_password(work: UnitOfWork, person: Account) -> bool:
    return work.site_limits.takes_password(of_site_admin=person.site_admin)


def _by_letter(person: Account) -> Actor:
    return Actor(person, "letter")
