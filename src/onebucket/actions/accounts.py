"""People: adding, changing, disabling; their passwords and addresses."""

from dataclasses import dataclass, replace

from onebucket.actions import access, passwords, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.refusals import Conflict
from onebucket.domain.text import clean_text
from onebucket.store import account_rows, email_rows, group_rows, session_rows
from onebucket.store.email_rows import Email

# The number before the colon of an account_id; the original's users have several, and nothing reads a meaning in it.
_AAID_PREFIX = "70121"


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids that an account brings along from elsewhere; what is None is made."""

    uuid: str | None = None
    account_id: str | None = None


# An account that was nowhere before.
NEW = Identity()


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the operator sees him."""

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
    """Add a person; `email` counts as validated. Raises Invalid, Conflict."""
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
    display_name: str | None = None,
    nickname: str | None = None,
    site_admin: bool | None = None,
) -> Account:
    """CellChange what is given of a person; an empty `nickname` unsets it. Raises Invalid.

    The last active site administrator stays one. Raises Conflict.
    """
    before = _person(work, name)
    after = before
    if display_name is not None:
        after = replace(after, display_name=accounts.display_name(display_name))
    if nickname is not None:
        after = replace(after, nickname=_nickname(nickname))
    if site_admin is not None:
        after = replace(after, site_admin=site_admin)
    if before.site_admin and not after.site_admin and not account_rows.has_site_admin(work.tx, besides=before.id):
        raise Conflict(f"{before.username} is the last site administrator: make another one first")

    # Whoever runs the site may do everything everywhere.
    with pending_invitations.settling(work, None, person=before):
        _store(work, before, after, Event.USER_CHANGED)

    return after


def set_active(work: UnitOfWork, name: str, active: bool) -> tuple[Account, list[str]]:
    """Disable or enable a person: a disabled one is nobody to the server, and keeps all memberships but no session.

    Also gives the teams that no active person administers now: disabling is never refused, because it can be urgent.
    """
    before = _person(work, name)
    after = replace(before, is_active=active)

    _store(work, before, after, Event.USER_ENABLED if active else Event.USER_DISABLED)
    if not active:
        session_rows.end_all(work.tx, after.id)

    orphaned = [] if active else [team.username for team in group_rows.teams_without_administrator(work.tx)]
    return after, orphaned


def set_password(work: UnitOfWork, name: str, hash: str) -> Account:
    """Replace a person's password by the one with that hash; the old one ends at once."""
    return passwords.change(work, _person(work, name).id, hash)


def set_email(work: UnitOfWork, name: str, address: str) -> Account:
    """Put `address`, validated, in the place of a person's primary one; others stay. Raises Invalid, Conflict."""
    account = _person(work, name)
    key = accounts.email_key(address)
    now = {email.key: email for email in email_rows.of_person(work.tx, account.id)}
    if key in now and (now[key].address, now[key].is_primary, now[key].validated) == (address, True, True):
        return account

    give_up_email(work, name, address)
    email_rows.add(work.tx, account.id, address, is_primary=True, at=work.at)

    work.record(Event.EMAIL_ADDED, account, account.username, after={"email": address})
    pending_invitations.end_held(work, account)
    return account


def give_up_email(work: UnitOfWork, name: str, address: str) -> None:
    """Take away what `address` is to take the place of, as the first half of `set_email`.

    Where several people are given addresses at once, each may be given another's when all have given theirs up.
    """
    account = _person(work, name)
    key = accounts.email_key(address)
    for email in email_rows.of_person(work.tx, account.id):
        if email.is_primary or email.key == key:
            email_rows.remove(work.tx, account.id, email.key)
            if email.key != key:
                work.record(Event.EMAIL_REMOVED, account, account.username, before={"email": email.address})


def list_people(work: UnitOfWork) -> list[Person]:
    """Every person, by username."""
    access.site(work)
    return [_profile(work, account) for account in account_rows.all_people(work.tx) if not account.is_team]


def list_owners(work: UnitOfWork) -> list[str]:
    """The username of every account: each may own groups and repositories."""
    access.site(work)
    return [account.username for account in account_rows.all_people(work.tx)]


def profile(work: UnitOfWork, name: str) -> Person:
    """What the operator may know of a person."""
    return _profile(work, _person(work, name))


def password_hash(work: UnitOfWork, name: str) -> str | None:
    """The hash of a person's password: for whoever runs the site, to carry it elsewhere or to compare."""
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
