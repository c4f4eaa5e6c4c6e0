"""Exports accounts as a document; applying it recreates everything that documents can describe."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType

from onebucket.actions import account_snapshot
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, groups, invitations, projects, repositories
from onebucket.domain.accounts import Account, username_key
from onebucket.domain.ends import EndKind
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectGrants
from onebucket.domain.repositories import RepositoryGrants
from onebucket.transfer.model import Document, Group, Invitation, Project, Repository, Team, User, Webhook


def export(work: UnitOfWork, names: Sequence[str] | None, *, with_secrets: bool) -> Document:
    """Export all accounts, or those called `names` with the people they refer to. Raises NotFound.

    People who are only referred to are exported without what they own. Contains password hashes only `with_secrets`,
    and never secrets of app passwords, links or webhooks.
    """
    everyone = {username_key(account.username): account for account in account_snapshot.everyone(work)}
    if names is None:
        exported = list(everyone.values())
    else:
        exported = [account_snapshot.snapshot_of(work, name).account for name in names]
    snapshots = {account.id: account_snapshot.snapshot_of(work, account.username) for account in exported}
    referenced = {
        everyone[username_key(name)].id for snapshot in snapshots.values() for name in _referenced_people(snapshot)
    }

    document = Document()
    for account in everyone.values():
        snapshot = snapshots.get(account.id)
        if account.is_team and snapshot:
            document.teams.append(_team(snapshot))
        elif snapshot:
            document.users.append(_user(snapshot, is_named=True, with_secrets=with_secrets))
        elif account.id in referenced:
            identity = account_snapshot.snapshot_of(work, account.username, owned=False)
            document.users.append(_user(identity, is_named=False, with_secrets=with_secrets))
    return document


def _referenced_people(snapshot: AccountSnapshot) -> Iterator[str]:
    for roster in snapshot.rosters:
        yield from (member.username for member in roster.members or ())
    for grants in snapshot.grants.values():
        yield from grants.people
    for project_grants in snapshot.project_grants.values():
        yield from project_grants.people
    for invitation in snapshot.invitations:
        yield invitation.invited_by.username


def _user(snapshot: AccountSnapshot, *, is_named: bool, with_secrets: bool) -> User:
    account = snapshot.account
    address = next((email.address for email in snapshot.emails if email.is_primary and email.validated), None)
    return User(
        username=account.username,
        uuid=_braced(account),
        account_id=account.aaid or UNSET,
        email=address or UNSET,
        display_name=account.display_name,
        nickname=account.nickname or UNSET,
        password_hash=(snapshot.password_hash if with_secrets else None) or UNSET,
        is_active=account.is_active,
        site_admin=account.site_admin if is_named else UNSET,
        groups=_groups(snapshot) if is_named else UNSET,
        projects=_projects(snapshot) if is_named else UNSET,
        repositories=_repositories(snapshot) if is_named else UNSET,
        invitations=_invitations(snapshot) if is_named else UNSET,
        webhooks=_webhooks(snapshot) if is_named else UNSET,
    )


def _team(snapshot: AccountSnapshot) -> Team:
    return Team(
        username=snapshot.account.username,
        uuid=_braced(snapshot.account),
        display_name=snapshot.account.display_name,
        groups=_groups(snapshot),
        projects=_projects(snapshot),
        repositories=_repositories(snapshot),
        invitations=_invitations(snapshot),
        webhooks=_webhooks(snapshot),
    )


def _braced(account: Account) -> str:
    return f"{{{account.id}}}"


def _groups(snapshot: AccountSnapshot) -> list[Group]:
    return [_group(roster, snapshot) for roster in snapshot.rosters]


def _group(roster: groups.GroupWithMembers, snapshot: AccountSnapshot) -> Group:
    group = roster.group
    return Group(
        name=group.name,
        account_privilege=group.account_privilege,
        permission=group.permission or Level.NONE,
        auto_add=group.auto_add,
        email_forwarding_disabled=group.email_forwarding_disabled,
        kept_by_sign_in=snapshot.keepers.get(group.slug) or UNSET,
        members=[member.username for member in roster.members or ()],
        members_until=_until(snapshot, EndKind.MEMBERSHIP, group.slug),
    )


def _until(snapshot: AccountSnapshot, kind: EndKind, place: str) -> dict[str, str] | UnsetType:
    """Return when what ends in a place does so; UNSET if nothing does."""
    return {holder: ends.text(end) for holder, end in snapshot.ends.get((kind, place), {}).items()} or UNSET


def _projects(snapshot: AccountSnapshot) -> list[Project]:
    slugs: dict[str, list[str]] = {}
    for repository in snapshot.repositories:
        slugs.setdefault(repository.project_id, []).append(repository.slug)
    return [_project(project, slugs.get(project.id, []), snapshot) for project in snapshot.projects]


def _project(project: projects.Project, slugs: list[str], snapshot: AccountSnapshot) -> Project:
    here = snapshot.project_grants.get(project.key, ProjectGrants())
    return Project(
        key=project.key,
        name=project.name,
        is_private=project.is_private,
        description=project.description,
        repositories=slugs,
        privileges=here.groups,
        users=here.people,
        privileges_until=_until(snapshot, EndKind.PROJECT_GROUP_PRIVILEGE, project.key),
        users_until=_until(snapshot, EndKind.PROJECT_PRIVILEGE, project.key),
    )


def _repositories(snapshot: AccountSnapshot) -> list[Repository]:
    return [_repository(repository, snapshot) for repository in snapshot.repositories]


def _repository(repository: repositories.Repository, snapshot: AccountSnapshot) -> Repository:
    here = snapshot.grants.get(repository.slug, RepositoryGrants())
    return Repository(
        slug=repository.slug,
        name=repository.name,
        is_private=repository.is_private,
        description=repository.description,
        fork_policy=repository.fork_policy,
        language=repository.language,
        has_issues=repository.has_issues,
        has_wiki=repository.has_wiki,
        mainbranch=repository.mainbranch,
        has_inherited_merge_strategy=repository.has_inherited_merge_strategy,
        has_inherited_branching_model=repository.has_inherited_branching_model,
        privileges=here.groups,
        users=here.people,
        privileges_until=_until(snapshot, EndKind.GROUP_PRIVILEGE, repository.slug),
        users_until=_until(snapshot, EndKind.PRIVILEGE, repository.slug),
    )


def _invitations(snapshot: AccountSnapshot) -> list[Invitation]:
    return [_invitation(invitation) for invitation in snapshot.invitations]


def _invitation(invitation: invitations.Invitation) -> Invitation:
    return Invitation(
        email=invitation.email,
        groups=list(invitation.groups) or UNSET,
        repository=invitation.repository_slug or UNSET,
        permission=invitation.permission or UNSET,
        invited_by=invitation.invited_by.username,
        until=ends.text(invitation.until) if invitation.until else UNSET,
    )


def _webhooks(snapshot: AccountSnapshot) -> list[Webhook]:
    return [
        Webhook(url=each.url, label=each.label, events=[*each.events], active=each.is_active)
        for each in snapshot.webhooks
    ]
