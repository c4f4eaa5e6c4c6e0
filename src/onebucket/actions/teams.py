"""Teams, for site administrators: add, change, delete and list them."""

from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.accounts import NEW, Identity
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege, Group, member_facts
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.store import (
    access_request_rows,
    account_rows,
    administrator_rows,
    directory_group_rows,
    directory_leaver_rows,
    directory_people_rows,
    directory_rows,
    group_members,
    group_rows,
    invitation_rows,
    mirror_drift_rows,
    mirror_rows,
    mirror_setting_rows,
    mirror_status_rows,
    oauth_consumer_rows,
    outbox_rows,
    privilege_rows,
    project_privilege_rows,
    project_rows,
    repository_rows,
    review_rows,
    webhook_rows,
)

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
    lost = accounts.facts(team) | {
        "groups": {
            roster.group.slug: [member.username for member in roster.members or ()]
            for roster in group_members.load_groups(work.tx, account_id=team.id)
        },
        "projects": [project.key for project in project_rows.of_account(work.tx, team.id)],
        "repositories": [repository.slug for repository in repository_rows.of_account(work.tx, team.id)],
        "invitations": [invitation.email for invitation in invitation_rows.of_account(work.tx, team.id)],
        "consumers": [consumer.key for consumer in oauth_consumer_rows.of_account(work.tx, team.id)],
        "webhooks": [webhook.url for webhook in webhook_rows.of_account(work.tx, team.id)],
    }

    work.record(Event.TEAM_DELETED, team, team.username, before=lost)
    for invitation in invitation_rows.of_account(work.tx, team.id):
        invitation_rows.remove(work.tx, invitation)
    access_request_rows.remove_of_account(work.tx, team.id)
    for repository in repository_rows.of_account(work.tx, team.id):
        privilege_rows.remove_on_repository(work.tx, team.id, repository.id)
        repository_rows.delete_repository(work.tx, repository)
    for project in project_rows.of_account(work.tx, team.id):
        project_privilege_rows.remove_on_project(work.tx, team.id, project.id)
        project_rows.delete_project(work.tx, project)
    _remove_directories(work, team)
    for group in group_rows.of_account(work.tx, team.id):
        group_rows.delete_group(work.tx, group)
    _remove_programs(work, team)
    outbox_rows.delete_of_account(work.tx, team.id)
    _remove_mirrors_and_reviews(work, team)
    account_rows.delete_account(work.tx, team.id)

    return team


def _remove_mirrors_and_reviews(work: UnitOfWork, team: Account) -> None:
    mirror_rows.remove_of_account(work.tx, team.id)
    mirror_drift_rows.remove_of_account(work.tx, team.id)
    mirror_status_rows.remove_of_account(work.tx, team.id)
    mirror_setting_rows.remove_of_account(work.tx, team.id)
    review_rows.remove_of_account(work.tx, team.id)


def _remove_programs(work: UnitOfWork, team: Account) -> None:
    for consumer in oauth_consumer_rows.of_account(work.tx, team.id):
        oauth_consumer_rows.remove(work.tx, consumer)
    for webhook in webhook_rows.of_account(work.tx, team.id):
        webhook_rows.remove(work.tx, webhook)


def _remove_directories(work: UnitOfWork, team: Account) -> None:
    for directory in directory_rows.of_account(work.tx, team.id):
        directory_group_rows.release(work.tx, directory)
        directory_people_rows.remove_of_directory(work.tx, directory)
        directory_leaver_rows.remove_of_directory(work.tx, directory)
        directory_rows.remove(work.tx, directory)


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
