"""Off-boarding: everything that a person has in an account, or everywhere, shown first and then ended at once."""

from dataclasses import dataclass, field, replace

from onebucket.actions import (
    access,
    access_requests,
    accounts,
    groups,
    invitation_letters,
    oauth_authorizations,
    privileges,
    project_privileges,
    ssh_keys,
    tokens,
)
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import last_administrator
from onebucket.domain.access_requests import AccessRequest
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, strongest, why
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.domain.repositories import Repository
from onebucket.store import (
    access_inputs,
    access_request_rows,
    account_rows,
    account_summaries,
    group_members,
    held_rows,
    invitee_rows,
    privilege_rows,
    project_privilege_rows,
    repository_rows,
)
from onebucket.store.held_rows import Given


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a person has in an account: groups, levels set for them there, and invitations to their addresses.

    `requests` are those for access that wait. `kept_groups` are theirs too, but stay: only the directory that keeps
    them changes their members. `losses` are the person's levels on the account's repositories, before and after
    everything else is taken away.
    """

    owner: Account
    groups: list[Group]
    repositories: list[tuple[Repository, Level]]
    projects: dict[str, ProjectLevel]
    invitations: list[Invitation]
    kept_groups: list[Group] = field(default_factory=list)
    losses: list[AccessChange] = field(default_factory=list)
    requests: list[AccessRequest] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take away."""
        return not (self.groups or self.repositories or self.projects or self.invitations or self.requests)


@dataclass(frozen=True, slots=True)
class Credentials:
    """How many credentials of each kind a person has; `is_active` is false for someone who is disabled already."""

    is_active: bool
    app_passwords: int
    oauth_apps: int
    ssh_keys: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Offboarding:
    """What ends for a person, by account. `credentials` is None unless they are off-boarded everywhere."""

    person: Account
    accounts: list[Holdings]
    credentials: Credentials | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing would end."""
        credentials = self.credentials
        holds_some = credentials is not None and any(
            (credentials.is_active, credentials.app_passwords, credentials.oauth_apps, credentials.ssh_keys)
        )
        return all(each.is_empty for each in self.accounts) and not holds_some


def held(work: UnitOfWork, name: str, account_name: str | None = None) -> Offboarding:
    """Return what a person has in one account, for its administrators, or everywhere, without what they would lose.

    Everywhere is for site administrators. Raises NotFound, Forbidden.
    """
    if account_name is not None:
        owner = access.account(work, account_name, to=To.REMOVE_PERSON)
        person = access.person(work, name)
        given = Given(
            privilege_rows.given_to(work.tx, owner.id, person.id),
            project_privilege_rows.given_to(work.tx, owner.id, person.id),
        )
        invitations = invitee_rows.invited_to(work.tx, person.id, owner.id)
        rosters = group_members.groups_of_person(work.tx, person.id)
        groups_there = [each.group for each in rosters if each.owner.id == owner.id]
        holdings = _holdings(owner, groups_there, given, invitations, _requests(work, person))
        return Offboarding(person, [holdings] if _holds_some(holdings) else [])
    access.site(work)
    person = access.person(work, name)
    requests, invitations = _requests(work, person), invitee_rows.invited_to(work.tx, person.id)
    given_there = held_rows.given_anywhere(work.tx, person.id)
    everywhere = [
        _holdings(owner, groups_there, given_there.get(owner.id, Given()), invitations, requests)
        for owner, groups_there in _accounts(work, person, requests, invitations)
    ]
    counts = held_rows.count_credentials(work.tx, person.id, at=work.at)
    return Offboarding(person, [*filter(_holds_some, everywhere)], Credentials(person.is_active, *counts))


def plan(work: UnitOfWork, name: str, account_name: str | None = None) -> Offboarding:
    """Return what off-boarding a person would end, with the access that they would lose; see `held`.

    Raises Invalid for somebody's own account.
    """
    found = held(work, name, account_name)
    if account_name is not None and access.account(work, account_name, to=To.REMOVE_PERSON).id == found.person.id:
        raise Invalid(f"{found.person.username} is their own account: nothing in it can be taken away from them")
    stays_active = account_name is not None
    with_losses = [replace(each, losses=_losses(work, each, found.person, stays_active)) for each in found.accounts]
    return replace(found, accounts=with_losses)


def offboard(work: UnitOfWork, name: str, account_name: str | None = None) -> Offboarding:
    """End everything that `plan` returns, and return it: all of it, or nothing.

    Everywhere, the person is disabled and their credentials end too. Their own account stays as it is.
    Raises LastAdministrator for the last one of a team, Conflict for the last site administrator and for oneself.
    """
    planned = plan(work, name, account_name)
    person = planned.person
    if account_name is None:
        check_replaceable(work, person, deed="off-board")
    for each in planned.accounts:
        take_away(work, person, each)
    if planned.credentials is not None:
        end_credentials(work, person)
    return planned


def check_replaceable(work: UnitOfWork, person: Account, *, deed: str) -> None:
    """Refuse to off-board or delete the last site administrator, or oneself. Raises Conflict, Forbidden."""
    access.site(work)
    if person.id == work.actor.id:
        raise Conflict(f"you can't {deed} yourself: ask another site administrator")
    if person.site_admin:
        others = account_rows.has_site_admin(work.tx, besides=person.id)
        last_administrator.require_site_administrator(person, others=others)


def _requests(work: UnitOfWork, person: Account) -> list[AccessRequest]:
    return access_request_rows.waiting_of_person(work.tx, person.id, work.at)


def _accounts(
    work: UnitOfWork, person: Account, requests: list[AccessRequest], invitations: list[Invitation]
) -> list[tuple[Account, list[Group]]]:
    """Return the accounts of others in which a person has something, by username, with their groups there."""
    found = {
        owner.id: (owner, there) for owner, there in account_summaries.accounts_with_groups(work.tx, person.id).items()
    }
    for id in (*(each.account_id for each in invitations), *(each.account_id for each in requests)):
        if id not in found and (owner := account_rows.by_id(work.tx, id)):
            found[owner.id] = owner, []
    others = [each for each in found.values() if each[0].id != person.id]
    return sorted(others, key=lambda each: each[0].username.lower())


def _holdings(
    owner: Account,
    groups_there: list[Group],
    given: Given,
    invitations: list[Invitation],
    requests: list[AccessRequest],
) -> Holdings:
    """Return what somebody has in an account: of `invitations` and `requests`, those there."""
    return Holdings(
        owner,
        [group for group in groups_there if group.directory_id is None],
        given.repositories,
        given.projects,
        [each for each in invitations if each.account_id == owner.id],
        [group for group in groups_there if group.directory_id is not None],
        requests=[each for each in requests if each.account_id == owner.id],
    )


def _holds_some(holdings: Holdings) -> bool:
    return not holdings.is_empty or bool(holdings.kept_groups)


def _losses(work: UnitOfWork, holdings: Holdings, person: Account, stays_active: bool) -> list[AccessChange]:
    owner, kept = holdings.owner, {f"{holdings.owner.username}/{group.slug}" for group in holdings.kept_groups}
    repositories = repository_rows.of_account(work.tx, owner.id)
    inputs = access_inputs.load(work.tx, owner, repositories, [person])
    by_levels: dict[tuple[Level, Level], list[Repository]] = {}
    for equivalent in inputs.group_equivalent_repositories(repositories)(person):
        now = inputs.input_for(person, equivalent[0])
        then = now._replace(
            direct=None,
            groups=tuple(each for each in now.groups if each.group in kept),
            on_project=None,
            is_active=now.is_active and stays_active,
        )
        before, after = strongest(why(now)), strongest(why(then))
        if before is not after:
            by_levels.setdefault((before, after), []).extend(equivalent)
    return [
        AccessChange(person, sorted(lost, key=lambda each: each.slug), *levels)
        for levels, lost in sorted(by_levels.items(), reverse=True)
    ]


def take_away(work: UnitOfWork, person: Account, holdings: Holdings) -> None:
    """End what a person has in an account, except in the groups that a directory keeps. Raises LastAdministrator."""
    owner = holdings.owner
    access_requests.end_all(work, owner, holdings.requests)
    # Invitations go first: afterwards the person would have less, and one could come to life again.
    for invitation in holdings.invitations:
        invitation_letters.withdraw(work, owner, invitation)
    for repository, _ in holdings.repositories:
        privileges.revoke_direct(work, owner.id, repository.slug, person.id)
    for key in holdings.projects:
        project_privileges.unset_for_person(work, owner.id, key, person.id)
    # What makes an administrator of the account goes last: whoever leaves by themselves needs it until then.
    for group in sorted(holdings.groups, key=lambda each: each.account_privilege is not None):
        groups.remove_member(work, owner.id, group.slug, person.id)


def end_credentials(work: UnitOfWork, person: Account) -> None:
    """End what a person's programs and browsers sign in with, and disable the person."""
    for token in tokens.of_person(work, person.id):
        tokens.revoke_of(work, person.id, token.id)
    oauth_authorizations.withdraw_all(work, person.id)
    ssh_keys.remove_all(work, person.id)
    if person.is_active:
        accounts.set_active(work, person.id, False)
