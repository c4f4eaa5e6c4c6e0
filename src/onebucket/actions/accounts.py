"""People's accounts, for site administrators: add, change, disable; set passwords and e-mail addresses."""

from dataclasses import dataclass, replace

from onebucket.actions import access, passwords, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts, last_administrator
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.text import clean_text
from onebucket.store import (
    account_rows,
    administrator_rows,
    directory_leaver_rows,
    directory_people_rows,
    email_rows,
    session_rows,
)
from onebucket.store.email_rows import Email

# Number before the colon of an account_id. Bitbucket's accounts have several, and no client gives it a meaning.
_AAID_PREFIX = "70121"


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids that an imported account keeps; None means a new one is generated."""

    uuid: str | None = None
    account_id: str | None = None


# The identity of an account that isn't imported.
NEW = Identity()


@dataclass(frozen=True, slots=True)
class Person:
    """A person as site administrators see them."""

    account: Account
    emails: tuple[Email, ...]
    has_password: bool


def add_user(
    work: UnitOfWork,
    username: str,
    *,
    email: str | None,
    display_name: str | None = None,
    nickname: str | None = None,
    password_hash: str | None = None,
    site_admin: bool = False,
    is_active: bool = True,
    identity: Identity = NEW,
) -> Account:
    """Add a person; `email` counts as validated. Raises Invalid, Conflict, Forbidden."""
    access.site(work)
    account = Account(
        id=accounts.parse_uuid(identity.uuid) or work.new_id(),
        username=accounts.check_username(username),
        display_name=accounts.display_name(display_name or username),
        aaid=accounts.parse_account_id(identity.account_id) or f"{_AAID_PREFIX}:{work.new_id()}",
        nickname=_nickname(nickname),
        is_team=False,
        is_active=is_active,
        site_admin=site_admin,
    )

    account_rows.add(work.tx, account, at=work.at)
    if email is not None:
        email_rows.add(work.tx, account.id, email, is_primary=True, at=work.at)
    if password_hash:
        account_rows.set_password(work.tx, account.id, password_hash)

    work.record(Event.USER_ADDED, account, account.username, after=accounts.facts(account) | {"email": email})
    pending_invitations.end_held(work, account)
    return account


def change_user(
    work: UnitOfWork,
    name: str,
    *,
    username: str | None = None,
    display_name: str | None = None,
    nickname: str | None = None,
    site_admin: bool | None = None,
) -> Account:
    """Change the given fields of a person; an empty `nickname` unsets it.

    Raises Invalid; Conflict when the username is taken, or when this would demote the last active site administrator.
    """
    before = _person(work, name)
    after = before
    if username is not None:
        after = replace(after, username=accounts.check_username(username))
    if display_name is not None:
        after = replace(after, display_name=accounts.display_name(display_name))
    if nickname is not None:
        after = replace(after, nickname=_nickname(nickname))
    if site_admin is not None:
        after = replace(after, site_admin=site_admin)
    if before.site_admin and not after.site_admin:
        others = account_rows.has_site_admin(work.tx, besides=before.id)
        last_administrator.require_site_administrator(before, others=others)

    # A site administrator has all permissions in every account, so a change affects invitations everywhere.
    with pending_invitations.settling(work, None, person=before):
        _store(work, before, after, Event.USER_CHANGED)

    return after


def set_active(work: UnitOfWork, name: str, active: bool) -> tuple[Account, list[str]]:
    """Disable or enable a person. A disabled person can't authenticate, loses all sessions and keeps memberships.

    Also returns the usernames of teams that no active person administers now. Disabling is never refused, even for
    the last administrator of a team, because it can be urgent. What a site administrator does is not undone by a
    directory that had disabled the person.
    """
    before = _person(work, name)
    after = replace(before, is_active=active)
    if work.actor.directory is None:
        directory_people_rows.release(work.tx, before.id)
        directory_leaver_rows.release(work.tx, before.id)

    _store(work, before, after, Event.USER_ENABLED if active else Event.USER_DISABLED)
    if not active:
        session_rows.end_all(work.tx, after.id)

    orphaned = [] if active else [team.username for team in administrator_rows.teams_without_administrator(work.tx)]
    return after, orphaned


def set_password(work: UnitOfWork, name: str, hash: str) -> Account:
    """Set a person's password to the one with this hash; the old one stops working at once."""
    return passwords.change(work, _person(work, name).id, hash)


def set_email(work: UnitOfWork, name: str, address: str) -> Account:
    """Replace a person's primary address by `address`, as validated; others stay. Raises Invalid, Conflict."""
    account = _person(work, name)
    key = accounts.email_key(address)
    before = {email.key: email for email in email_rows.of_person(work.tx, account.id)}
    if key in before and (before[key].address, before[key].is_primary, before[key].validated) == (address, True, True):
        return account

    give_up_email(work, name, address)
    email_rows.add(work.tx, account.id, address, is_primary=True, at=work.at)

    work.record(Event.EMAIL_ADDED, account, account.username, after={"email": address})
    pending_invitations.end_held(work, account)
    return account


def give_up_email(work: UnitOfWork, name: str, address: str) -> None:
    """Remove the address that `address` will replace: the first half of `set_email`.

    When several people swap addresses, call this for all of them first, so that no address is taken.
    """
    account = _person(work, name)
    key = accounts.email_key(address)
    for email in email_rows.of_person(work.tx, account.id):
        if email.is_primary or email.key == key:
            email_rows.remove(work.tx, account.id, email.key)
            if email.key != key:
                work.record(Event.EMAIL_REMOVED, account, account.username, before={"email": email.address})


def list_people(work: UnitOfWork) -> list[Person]:
    """List every person, by username."""
    access.site(work)
    emails = email_rows.of_everybody(work.tx)
    people = account_rows.people_with_passwords(work.tx)
    return [Person(account, tuple(emails.get(account.id, ())), hash is not None) for account, hash in people]


def list_owners(work: UnitOfWork) -> list[str]:
    """List the usernames of all accounts, people and teams: each may own groups and repositories."""
    access.site(work)
    return [account.username for account in account_rows.all_people(work.tx)]


def profile(work: UnitOfWork, name: str) -> Person:
    """Return a person with their addresses. Raises NotFound, Invalid for a team, Forbidden."""
    return _profile(work, _person(work, name))


def password_hash(work: UnitOfWork, name: str) -> str | None:
    """Return the hash of a person's password, for site administrators: to export it or to compare it."""
    return account_rows.password_hash(work.tx, _person(work, name).id)


def _profile(work: UnitOfWork, account: Account) -> Person:
    emails = tuple(email_rows.of_person(work.tx, account.id))
    return Person(account, emails, account_rows.password_hash(work.tx, account.id) is not None)


# -- parts -----------------------------------------------------------------------------------------


def _person(work: UnitOfWork, name: str) -> Account:
    access.site(work)
    return access.person(work, name)


def _store(work: UnitOfWork, before: Account, after: Account, event: Event) -> None:
    if after == before:
        return
    account_rows.change(work.tx, after)
    work.record(event, after, after.username, before=accounts.facts(before), after=accounts.facts(after))


def _nickname(nickname: str | None) -> str | None:
    return clean_text(nickname, what="the nickname", empty=True) or None if nickname else None
