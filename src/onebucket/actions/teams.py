"""Teams: adding, changing and deleting them."""

from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.accounts import NEW, Identity
from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.store import accounts, consumers, groups, invitations, letters, privileges, repositories, rosters

# What a new team starts with (spec 1.12): name, account privilege, permission.
_FIRST_GROUPS = (
    ("Administrators", AccountPrivilege.ADMIN, Level.ADMIN),
    ("Developers", None, Level.WRITE),
)


def add(
    work: Work,
    username: str,
    *,
    display_name: str | None = None,
    administrator: str | None = None,
    first_groups: bool = True,
    identity: Identity = NEW,
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
    work.tell(Event.TEAM_ADDED, team, team.username, after=domain.facts(team))
    for name, privilege, permission in _FIRST_GROUPS if first_groups else ():
        group = Group(team.id, work.new_id(), name, name.lower(), permission, account_privilege=privilege)
        groups.add(work.tx, group, at=work.at)
        work.tell(Event.GROUP_ADDED, team, group.slug, after={"name": group.name, "permission": permission.word})
        if first and privilege is AccountPrivilege.ADMIN:
            groups.add_member(work.tx, group, first.id, by=work.actor.id, at=work.instant())
            work.tell(Event.MEMBER_ADDED, team, group.slug, after={"member": first.username, "id": first.id})

    return team


def change(work: Work, name: str, *, username: str | None = None, display_name: str | None = None) -> Account:
    """Rename a team, or change what it is called in full. Raises Invalid, Conflict, NotFound."""
    before = _team(work, name)
    after = before
    if username is not None:
        after = replace(after, username=domain.checked_username(username))
    if display_name is not None:
        after = replace(after, display_name=domain.display_name(display_name))

    if after != before:
        accounts.change(work.tx, after)
        work.tell(Event.TEAM_CHANGED, after, after.username, before=domain.facts(before), after=domain.facts(after))

    return after


def delete(work: Work, name: str) -> Account:
    """Delete a team with its groups, repositories, privileges and pending invitations. Its journal stays."""
    team = _team(work, name)
    lost = domain.facts(team) | {
        "groups": {
            roster.group.slug: [member.username for member in roster.members or ()]
            for roster in rosters.gather(work.tx, account_id=team.id)
        },
        "repositories": [repository.slug for repository in repositories.of_account(work.tx, team.id)],
        "invitations": [invitation.email for invitation in invitations.of_account(work.tx, team.id)],
        "consumers": [consumer.key for consumer in consumers.of_account(work.tx, team.id)],
    }

    work.tell(Event.TEAM_DELETED, team, team.username, before=lost)
    for invitation in invitations.of_account(work.tx, team.id):
        invitations.remove(work.tx, invitation)
    for repository in repositories.of_account(work.tx, team.id):
        privileges.remove_on_repository(work.tx, team.id, repository.id)
        repositories.delete_repository(work.tx, repository)
    for group in groups.of_account(work.tx, team.id):
        groups.delete_group(work.tx, group)
    for consumer in consumers.of_account(work.tx, team.id):
        consumers.remove(work.tx, consumer)
    letters.forget_account(work.tx, team.id)
    accounts.delete_account(work.tx, team.id)

    return team


def listed(work: Work) -> list[Account]:
    """Every team, by username."""
    access.site(work)
    return [account for account in accounts.everyone(work.tx) if account.is_team]


def without_administrator(work: Work) -> list[Account]:
    """Teams that no active person administers."""
    access.site(work)
    return groups.teams_without_administrator(work.tx)


def _team(work: Work, name: str) -> Account:
    account = access.account(work, name, to=To.RUN_SITE)
    if not account.is_team:
        raise Invalid(f"{account.username} is a person, not a team")
    return account
