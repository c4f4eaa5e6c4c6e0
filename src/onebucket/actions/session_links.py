"""Links that sign a person in once: the operator's way in when there is no password and the provider is down.

A link's secret arrives here only as its hash.
"""

from onebucket.actions import access
from onebucket.actions.sessions import SignIn
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.refusals import Invalid, LinkExpired
from onebucket.domain.second_factors import SignInMethod
from onebucket.domain.site_limits import SESSION_LINK_LIFETIME
from onebucket.store import account_rows, one_time_link_rows
from onebucket.store.one_time_link_rows import LinkPurpose, OneTimeLink


def make(work: UnitOfWork, name: str, *, secret_hash: str) -> OneTimeLink:
    """Make a link that signs a person in, in place of an earlier one; for site administrators.

    Raises NotFound, Forbidden, Invalid for a team and for a disabled person.
    """
    access.site(work)
    person = access.person(work, name)
    if not person.is_active:
        raise Invalid(f"{person.username} is disabled: enable them first")
    link = OneTimeLink(person.id, work.new_id(), LinkPurpose.SESSION, "", work.at, work.at + SESSION_LINK_LIFETIME)

    one_time_link_rows.replace(work.tx, link, secret_hash=secret_hash)

    work.record(Event.SESSION_LINK_MADE, person, person.username, after={"expires_at": link.expires_at.isoformat()})
    return link


def view(work: UnitOfWork, secret_hash: str) -> Account:
    """Return whom a link signs in, without using it. Raises LinkExpired."""
    return _valid(work, secret_hash)[0]


def use(work: UnitOfWork, secret_hash: str) -> SignIn:
    """Use a link up. Raises LinkExpired, also when the person is disabled."""
    person, link = _valid(work, secret_hash)
    if not one_time_link_rows.consume_once(work.tx, link, secret_hash, work.at):
        raise LinkExpired
    return SignIn(Actor(person, f"link:{link.id}"), SignInMethod.LINK)


def _valid(work: UnitOfWork, secret_hash: str) -> tuple[Account, OneTimeLink]:
    link = one_time_link_rows.by_hash(work.tx, secret_hash)
    person = account_rows.by_id(work.tx, link.account_id) if link else None
    if link is None or person is None or link.purpose is not LinkPurpose.SESSION:
        raise LinkExpired
    if link.expires_at <= work.at or not person.is_active:
        raise LinkExpired
    return person, link
