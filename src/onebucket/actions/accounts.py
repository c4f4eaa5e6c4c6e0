"""People and teams: adding, changing, disabling; their passwords and addresses."""

from dataclasses import dataclass, replace

from onebucket.actions import access, passwords
from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import cleaned
from onebucket.store import accounts, groups, invitations, letters, privileges, repositories, rosters, sessions
from onebucket.store.accounts import Email
from onebucket.store.journal import Facts

# The number before the colon of an account_id; the original's users have several, and nothing reads a meaning in it.
_AAID_PREFIX = "70121"

# What a new team starts with (spec 1.12): name, account privilege, permission.
_FIRST_GROUPS = (
    ("Administrators", AccountPrivilege.ADMIN, Level.ADMIN),
    ("Developers", None, Level.WRITE),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids that an account brings along from elsewhere; what is None is made."""

    uuid: str | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the operator sees him."""

    account: Account
    emails: tuple[Email, ...]
    has_password: bool


def add_user(
    work: Work,
    username: str,
    *,
    email: str | None,
    display_name: str | None = None,
    nickname: str | None = None,
    password_hash: str | None = None,
    site_admin: bool = False,
    is_active: bool = True,
    identity: Identity = Identity(),
) -> Account:
    """Add a person; `email` counts as validated. Raises Invalid, Conflict."""
    access.site(work)
    account = Account(
        id=domain.given_uuid(identity.uuid) or work.new_id(),
        username=domain.checked_username(username),
        display_name=domain.display_name(display_name or username),
        aaid=domain.given_aaid(identity.account_id) or f"{_AAID_PREFIX}:{work.new_id()}",
        nickname=_nickname(nickname),
        is_team=False,
        is_active=is_active,
        site_admin=site_admin,
    )

    accounts.add(work.tx, account, at=work.at)
    if email is not None:
        accounts.add_email(work.tx, account.id, email, is_primary=True, at=work.at)
    if password_hash:
        accounts.set_password(work.tx, account.id, password_hash)

    work.tell(Event.USER_ADDED, account, account.username, after=_facts(account) | {"email": email})
    return account


def change_user(
    work: Work,
    name: str,
    *,
    display_name: str | None = None,
    nickname: str | None = None,
    site_admin: bool | None = None,
) -> Account:
    """Change what is given of a person; an empty `nickname` unsets it. Raises Invalid."""
    before = _person(work, name)
    after = before
    if display_name is not None:
        after = replace(after, display_name=domain.display_name(display_name))
    if nickname is not None:
        after = replace(after, nickname=_nickname(nickname))
    if site_admin is not None:
        after = replace(after, site_admin=site_admin)

    _store(work, before, after, Event.USER_CHANGED)

    return after


def set_active(work: Work, name: str, active: bool) -> tuple[Account, list[str]]:
    """Disable or enable a person: a disabled one is nobody to the server, and keeps all memberships but no session.

    Also gives the teams that no active person administers now: disabling is never refused, because it can be urgent.
    """
    before = _person(work, name)
    after = replace(before, is_active=active)

    _store(work, before, after, Event.USER_ENABLED if active else Event.USER_DISABLED)
    if not active:
        sessions.end_all(work.tx, after.id)

    orphaned = [] if active else [team.username for team in teams_without_administrator(work)]
    return after, orphaned


def set_password(work: Work, name: str, hash: str) -> Account:
    """Replace a person's password by the one with that hash; the old one ends at once."""
    return passwords.change(work, _person(work, name).id, hash)


def set_email(work: Work, name: str, address: str) -> Account:
    """Put `address`, validated, in the place of a person's primary one; others stay. Raises Invalid, Conflict."""
    account = _person(work, name)
    key = domain.email_key(address)
    now = {email.key: email for email in accounts.emails_of(work.tx, account.id)}
    if key in now and (now[key].address, now[key].is_primary, now[key].validated) == (address, True, True):
        return account

    for email in now.values():
        if email.is_primary or email.key == key:
            accounts.remove_email(work.tx, account.id, email.key)
            if email.key != key:
                work.tell(Event.EMAIL_REMOVED, account, account.username, before={"email": email.address})
    accounts.add_email(work.tx, account.id, address, is_primary=True, at=work.at)

    work.tell(Event.EMAIL_ADDED, account, account.username, after={"email": address})
    return account


def people(work: Work) -> list[Person]:
    """Every person, by username."""
    access.site(work)
    return [_dossier(work, account) for account in accounts.everyone(work.tx) if not account.is_team]


def teams(work: Work) -> list[Account]:
    """Every team, by username."""
    access.site(work)
    return [account for account in accounts.everyone(work.tx) if account.is_team]


def teams_without_administrator(work: Work) -> list[Account]:
    """Teams that no active person administers."""
    access.site(work)
    return groups.teams_without_administrator(work.tx)


def owners(work: Work) -> list[str]:
    """The username of every account: each may own groups and repositories."""
    access.site(work)
    return [account.username for account in accounts.everyone(work.tx)]


def dossier(work: Work, name: str) -> Person:
    """What the operator may know of a person."""
    return _dossier(work, _person(work, name))


def password_hash(work: Work, name: str) -> str | None:
    """The hash of a person's password: for whoever runs the site, to carry it elsewhere or to compare."""
    return accounts.password_hash(work.tx, _person(work, name).id)


def _dossier(work: Work, account: Account) -> Person:
    emails = tuple(accounts.emails_of(work.tx, account.id))
    return Person(account, emails, accounts.password_hash(work.tx, account.id) is not None)


# -- teams -----------------------------------------------------------------------------------------


def add_team(
    work: Work,
    username: str,
    *,
    display_name: str | None = None,
    administrator: str | None = None,
    first_groups: bool = True,
    identity: Identity = Identity(),
) -> Account:
    """Add a team, with the groups `administrators` and `developers` (spec 1.12) unless told otherwise.

    `administrator` is the person who is put into the first of them. Raises Invalid, Conflict, NotFound.
    """
    access.site(work)
    first = access.person(work, administrator) if administrator else None
    team = Account(
        id=domain.given_uuid(identity.uuid) or work.new_id(),
        username=domain.checked_username(username),
        display_name=domain.display_name(display_name or username),
        aaid=None,
        nickname=None,
        is_team=True,
        is_active=True,
        site_admin=False,
    )

    accounts.add(work.tx, team, at=work.at)
    work.tell(Event.TEAM_ADDED, team, team.username, after=_facts(team))
    for name, privilege, permission in _FIRST_GROUPS if first_groups else ():
        group = Group(team.id, work.new_id(), name, name.lower(), permission, account_privilege=privilege)
        groups.add(work.tx, group, at=work.at)
        work.tell(Event.GROUP_ADDED, team, group.slug, after={"name": group.name, "permission": permission.word})
        if first and privilege is AccountPrivilege.ADMIN:
            groups.add_member(work.tx, group, first.id, by=work.actor.id, at=work.instant())
            work.tell(Event.MEMBER_ADDED, team, group.slug, after={"member": first.username, "id": first.id})

    return team


def change_team(work: Work, name: str, *, username: str | None = None, display_name: str | None = None) -> Account:
    """Rename a team, or change what it is called in full. Raises Invalid, Conflict, NotFound."""
    before = _team(work, name)
    after = before
    if username is not None:
        after = replace(after, username=domain.checked_username(username))
    if display_name is not None:
        after = replace(after, display_name=domain.display_name(display_name))

    _store(work, before, after, Event.TEAM_CHANGED)

    return after


def delete_team(work: Work, name: str) -> Account:
    """Delete a team with its groups, repositories, privileges and pending invitations. Its journal stays."""
    team = _team(work, name)
    lost = _facts(team) | {
        "groups": {
            roster.group.slug: [member.username for member in roster.members or ()]
            for roster in rosters.gather(work.tx, account_id=team.id)
        },
        "repositories": [repository.slug for repository in repositories.of_account(work.tx, team.id)],
        "invitations": [invitation.email for invitation in invitations.of_account(work.tx, team.id)],
    }

    work.tell(Event.TEAM_DELETED, team, team.username, before=lost)
    for invitation in invitations.of_account(work.tx, team.id):
        invitations.remove(work.tx, invitation)
    for repository in repositories.of_account(work.tx, team.id):
        privileges.remove_on_repository(work.tx, team.id, repository.id)
        repositories.delete_repository(work.tx, repository)
    for group in groups.of_account(work.tx, team.id):
        groups.delete_group(work.tx, group)
    letters.forget_account(work.tx, team.id)
    accounts.delete_account(work.tx, team.id)

    return team


# -- parts -----------------------------------------------------------------------------------------


def _person(work: Work, name: str) -> Account:
    access.site(work)
    return access.person(work, name)


def _team(work: Work, name: str) -> Account:
    account = access.account(work, name, to=To.RUN_SITE)
    if not account.is_team:
        raise Invalid(f"{account.username} is a person, not a team")
    return account


def _store(work: Work, before: Account, after: Account, event: Event) -> None:
    if after == before:
        return
    accounts.change(work.tx, after)
    work.tell(event, after, after.username, before=_facts(before), after=_facts(after))


def _nickname(nickname: str | None) -> str | None:
    return cleaned(nickname, what="the nickname", empty=True) or None if nickname else None


def _facts(account: Account) -> Facts:
    return {
        "username": account.username,
        "uuid": account.id,
        "display_name": account.display_name,
        "nickname": account.nickname,
        "is_active": account.is_active,
        "site_admin": account.site_admin,
    }
