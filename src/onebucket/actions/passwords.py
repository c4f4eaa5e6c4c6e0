"""A person's password: changing it, and setting a new one by letter when it was forgotten."""

from onebucket.actions import access, authorizations, consumers, tokens
from onebucket.actions.work import Work
from onebucket.domain import terms
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.letters import Kind
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, LinkIsDead
from onebucket.store import accounts, links, sessions
from onebucket.store import addresses as address_rows
from onebucket.store.links import Link, Purpose


def change(work: Work, name: str, hash: str) -> Account:
    """Replace a person's password by the one with that hash; the old one, and every session, ends at once."""
    person = access.account(work, name, to=To.CHANGE_PERSON)
    if person.is_team:
        raise Invalid(f"{person.username} is a team, not a person")

    accounts.set_password(work.tx, person.id, hash)
    sessions.end_all(work.tx, person.id)
    links.remove_all(work.tx, person.id, Purpose.PASSWORD)

    work.tell(Event.PASSWORD_SET, person, person.username)
    return person


def forgotten(work: Work, login: str) -> None:
    """Send a letter with a link to the person of that username or address, if there is one who may have it.

    Nothing tells whether there is. For `terms.RESET_PAUSE` after such a letter no other one goes to that address, and
    its link stays good: nobody can end it, or use up letters, by asking.
    """
    person = accounts.named(work.tx, login)
    emails = [email for email in address_rows.of_person(work.tx, person.id) if email.validated] if person else []
    if person is None or person.is_team or not person.is_active or not emails:
        return
    earlier = links.of_person(work.tx, person.id, Purpose.PASSWORD)
    if any(each.email == emails[0].address and work.at - each.created_at < terms.RESET_PAUSE for each in earlier):
        return
    link = Link(person.id, work.new_id(), Purpose.PASSWORD, emails[0].address, work.at, work.at + terms.RESETTING)

    work.post(Kind.RESET_PASSWORD, person, about=link.id, link_id=link.id, email=link.email)
    links.put(work.tx, link)

    work.tell(Event.PASSWORD_RESET_ASKED, person, person.username)


def whose(work: Work, secret_hash: str) -> tuple[Account, Link]:
    """Whose password the link with that hash sets; nothing is spent by looking. Raises LinkIsDead."""
    link = links.by_hash(work.tx, secret_hash)
    person = accounts.by_id(work.tx, link.account_id) if link else None
    if link is None or person is None or link.purpose is not Purpose.PASSWORD:
        raise LinkIsDead
    emails = address_rows.of_person(work.tx, person.id)
    still_his = any(email.validated and email.address == link.email for email in emails)
    if link.expires_at <= work.at or not person.is_active or not still_his:
        raise LinkIsDead
    return person, link


def reset(work: Work, secret_hash: str, hash: str, *, end_programs: bool = False) -> Account:
    """Set a new password with a link, once; every session ends. Raises LinkIsDead.

    With `end_programs` app passwords end too, and what OAuth consumers may do for the person.
    """
    person, link = whose(work, secret_hash)
    if not links.spend(work.tx, link, secret_hash, work.at):
        raise LinkIsDead

    with work.on_behalf(_by_letter(person)):
        if end_programs:
            _end_programs(work, person)
        return change(work, person.id, hash)


def _end_programs(work: Work, person: Account) -> None:
    for token in tokens.of_person(work, person.id):
        tokens.revoke_of(work, person.id, token.id)
    authorizations.withdraw_all(work)
    for owner, consumer, acts_for in consumers.listed(work, person.id):
        if acts_for is not None and acts_for.id == person.id:
            consumers.revoke_of(work, owner.id, consumer.key)


def _by_letter(person: Account) -> Actor:
    return Actor(person, "letter")
