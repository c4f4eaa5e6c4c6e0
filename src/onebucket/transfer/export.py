"""Accounts as a document: everything the document can say of them, so that applying it puts it all back."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET

from onebucket.actions import account_snapshot
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import groups, invitations, repositories
from onebucket.domain.accounts import Account, username_key
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import RepositoryGrants
from onebucket.transfer.model import Document, Group, Invitation, Repository, Team, User


def export(work: UnitOfWork, names: Sequence[str] | None, *, with_secrets: bool) -> Document:
    """All accounts, or those called `names` together with the people they mention. Raises NotFound.

    Of a person who is only mentioned it says who he is, not what he owns. There are no secrets in it, and hashes of
    passwords only `with_secrets`.
    """
    everyone = {username_key(account.username): account for account in account_snapshot.everyone(work)}
    named = everyone.values() if names is None else [account_snapshot.snapshot_of(work, name).account for name in names]
    wholes = {account.id: account_snapshot.snapshot_of(work, account.username) for account in named}
    mentioned = {everyone[username_key(name)].id for each in wholes.values() for name in _mentioned(each)}

    document = Document()
    for account in everyone.values():
        had = wholes.get(account.id)
        if account.is_team and had:
            document.teams.append(_team(had))
        elif had or account.id in mentioned:
            found = had or account_snapshot.snapshot_of(work, account.username, owned=False)
            document.users.append(_user(found, is_named=had is not None, with_secrets=with_secrets))
    return document


def _mentioned(had: AccountSnapshot) -> Iterator[str]:
    for roster in had.rosters:
        yield from (member.username for member in roster.members or ())
    for grants in had.grants.values():
        yield from grants.people
    for invitation in had.invitations:
        yield invitation.invited_by.username


def _user(had: AccountSnapshot, *, is_named: bool, with_secrets: bool) -> User:
    account = had.account
    address = next((email.address for email in had.emails if email.is_primary and email.validated), None)
    return User(
        username=account.username,
        uuid=_braced(account),
        account_id=account.aaid or UNSET,
        email=address or UNSET,
        display_name=account.display_name,
        nickname=account.nickname or UNSET,
        password_hash=(had.password_hash if with_secrets else None) or UNSET,
        is_active=account.is_active,
        site_admin=account.site_admin if is_named else UNSET,
        groups=_groups(had) if is_named else UNSET,
        repositories=_repositories(had) if is_named else UNSET,
        invitations=_invitations(had) if is_named else UNSET,
    )


def _team(had: AccountSnapshot) -> Team:
    return Team(
        username=had.account.username,
        uuid=_braced(had.account),
        display_name=had.account.display_name,
        groups=_groups(had),
        repositories=_repositories(had),
        invitations=_invitations(had),
    )


def _braced(account: Account) -> str:
    return f"{{{account.id}}}"


def _groups(had: AccountSnapshot) -> list[Group]:
    return [_group(roster) for roster in had.rosters]


def _group(roster: groups.GroupWithMembers) -> Group:
    group = roster.group
    return Group(
        name=group.name,
        account_privilege=group.account_privilege,
        permission=group.permission or Level.NONE,
        auto_add=group.auto_add,
        email_forwarding_disabled=group.email_forwarding_disabled,
        members=[member.username for member in roster.members or ()],
    )


def _repositories(had: AccountSnapshot) -> list[Repository]:
    return [_repository(repository, had.grants) for repository in had.repositories]


def _repository(repository: repositories.Repository, grants: Mapping[str, RepositoryGrants]) -> Repository:
    here = grants.get(repository.slug, RepositoryGrants())
    return Repository(
        slug=repository.slug,
        name=repository.name,
        is_private=repository.is_private,
        description=repository.description,
        privileges=here.groups,
        users=here.people,
    )


def _invitations(had: AccountSnapshot) -> list[Invitation]:
    return [_invitation(invitation) for invitation in had.invitations]


def _invitation(invitation: invitations.Invitation) -> Invitation:
    return Invitation(
        email=invitation.email,
        groups=list(invitation.groups) or UNSET,
        repository=invitation.repository_slug or UNSET,
        permission=invitation.permission or UNSET,
        invited_by=invitation.invited_by.username,
    )
