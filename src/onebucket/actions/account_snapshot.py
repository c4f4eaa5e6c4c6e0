"""Loads an account with everything it owns, for export, apply and restore."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndKind
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.projects import Project, ProjectGrants
from onebucket.domain.repositories import Repository, RepositoryGrants
from onebucket.domain.webhooks import Webhook
from onebucket.store import (
    account_rows,
    email_rows,
    end_rows,
    group_members,
    invitation_rows,
    kept_group_rows,
    privilege_rows,
    project_privilege_rows,
    project_rows,
    repository_rows,
    webhook_rows,
)
from onebucket.store.email_rows import Email


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """An account and all that it owns: projects oldest first, `grants` by repository slug, `project_grants` by key.

    `keepers` are the providers whose sign-ins keep groups, by the groups' slugs; `webhooks` come oldest first.
    `ends` are when what ends does so, by its kind and its place (a slug or a key), and then by group slug or username.
    """

    account: Account
    emails: tuple[Email, ...]
    password_hash: str | None
    rosters: list[GroupWithMembers]
    projects: list[Project]
    project_grants: Mapping[str, ProjectGrants]
    repositories: list[Repository]
    grants: Mapping[str, RepositoryGrants]
    invitations: list[Invitation]
    keepers: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[tuple[EndKind, str], Mapping[str, datetime]] = field(default_factory=dict)
    webhooks: list[Webhook] = field(default_factory=list)


def everyone(work: UnitOfWork) -> list[Account]:
    """List every person and every team, by username; for site administrators."""
    access.site(work)
    return account_rows.all_people(work.tx)


def snapshot_of(work: UnitOfWork, name: str, *, owned: bool = True) -> AccountSnapshot:
    """Load one account; without `owned`, leave out its groups, projects, repositories and all else that it has."""
    account = access.account(work, name, to=To.RUN_SITE)
    return AccountSnapshot(
        account=account,
        emails=tuple(email_rows.of_person(work.tx, account.id)),
        password_hash=account_rows.password_hash(work.tx, account.id),
        rosters=group_members.load_groups(work.tx, account_id=account.id) if owned else [],
        projects=project_rows.oldest_first(work.tx, account.id) if owned else [],
        project_grants=project_privilege_rows.grants(work.tx, account.id) if owned else {},
        repositories=repository_rows.of_account(work.tx, account.id) if owned else [],
        grants=privilege_rows.grants(work.tx, account.id) if owned else {},
        invitations=invitation_rows.of_account(work.tx, account.id) if owned else [],
        keepers=kept_group_rows.keepers(work.tx, account.id) if owned else {},
        ends=_ends(work, account) if owned else {},
        webhooks=webhook_rows.of_account(work.tx, account.id) if owned else [],
    )


def _ends(work: UnitOfWork, account: Account) -> Mapping[tuple[EndKind, str], Mapping[str, datetime]]:
    found: dict[tuple[EndKind, str], dict[str, datetime]] = {}
    for end in end_rows.of_account(work.tx, account.id):
        found.setdefault((end.kind, end.place), {})[end.holder] = end.until
    return found
