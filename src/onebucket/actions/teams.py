"""Teams, for site administrators: add, change, delete and list them."""

from dataclasses import replace

from onebucket.actions import access, account_contents
from onebucket.actions.accounts import NEW, Identity
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege, Group, member_facts
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.store import account_removal, account_rows, administrator_rows, group_rows

# Groups of a new team (contract/api-1.0.md#1.12): name, account privilege, permission.
_FIRST_GROUPS = (
    ("Administrators", AccountPrivilege.ADMIN, Level.ADMIN),
    ("Developers", None, Level.WRITE),
)


def add(
    work: UnitOfWork,
    username: str,
    *,
    display_name: str | None = None,
    administrator: str | None = None,
    first_groups: bool = True,
    identity: Identity = NEW,
) -> Account:
    """Add a team, by default with the groups `administrators` and `developers` (contract/api-1.0.md#1.12).

    `administrator` becomes the first member of `administrators`. Raises Invalid, Conflict, NotFound.
    """
    access.site(work)
    first = access.person(work, administrator) if administrator else None
    team = Account(
        id=accounts.parse_uuid(identity.uuid) or work.new_id(),
        username=accounts.check_username(username),
        display_name=accounts.display_name(display_name or username),
        aaid=None,
        nickname=None,
        is_team=True,
        is_active=True,
        site_admin=False,
    )

    account_rows.add(work.tx, team, at=work.at)
    work.record(Event.TEAM_ADDED, team, team.username, after=accounts.facts(team))
    for name, privilege, permission in _FIRST_GROUPS if first_groups else ():
        group = Group(team.id, work.new_id(), name, name.lower(), permission, account_privilege=privilege)
        group_rows.add(work.tx, group, at=work.at)
        work.record(Event.GROUP_ADDED, team, group.slug, after={"name": group.name, "permission": permission.word})
        if first and privilege is AccountPrivilege.ADMIN:
            group_rows.add_member(work.tx, group, first.id, by=work.actor.id, at=work.next_timestamp())
            work.record(Event.MEMBER_ADDED, team, group.slug, after=member_facts(first))

    return team


def change(work: UnitOfWork, name: str, *, username: str | None = None, display_name: str | None = None) -> Account:
    """Change a team's username or display name. Raises Invalid, Conflict, NotFound."""
    before = _team(work, name)
    after = before
    if username is not None:
        after = replace(after, username=accounts.check_username(username))
    if display_name is not None:
        after = replace(after, display_name=accounts.display_name(display_name))

    if after != before:
        account_rows.change(work.tx, after)
        work.record(
            Event.TEAM_CHANGED, after, after.username, before=accounts.facts(before), after=accounts.facts(after)
        )

    return after


def delete(work: UnitOfWork, name: str) -> Account:
    """Delete a team with all that it owns, from groups and projects to consumers and waiting mail.

    Its journal stays. Raises NotFound, Invalid for a person.
    """
    team = _team(work, name)

    work.record(
        Event.TEAM_DELETED,
        team,
        team.username,
        before=accounts.facts(team) | account_contents.load(work, team).facts,
    )
    account_removal.delete_with_rows(work.tx, team.id)

    return team


def listed(work: UnitOfWork) -> list[Account]:
    """List every team, by username."""
    access.site(work)
    return [account for account in account_rows.all_people(work.tx) if account.is_team]


def without_administrator(work: UnitOfWork) -> list[Account]:
    """List teams that no active person administers."""
    access.site(work)
    return administrator_rows.teams_without_administrator(work.tx)


def _team(work: UnitOfWork, name: str) -> Account:
    account = access.account(work, name, to=To.RUN_SITE)
    if not account.is_team:
        raise Invalid(f"{account.username} is a person, not a team")
    return account
