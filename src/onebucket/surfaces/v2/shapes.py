"""Makes the objects of API 2.0: UUIDs are in braces, times in UTC, links absolute."""

from datetime import UTC, datetime
from urllib.parse import quote

from msgspec import UNSET

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.repositories import Repository
from onebucket.domain.workspaces import DatedAccount, Membership
from onebucket.surfaces.v2.objects import (
    AccountName,
    EmailAddress,
    Link,
    Links,
    RepositoryName,
    Workspace,
    WorkspaceAccess,
    WorkspaceBase,
    WorkspaceGroup,
    WorkspaceMembership,
    WorkspaceName,
    WorkspaceUser,
)

# Places in a membership that are left out unless `fields` asks for them.
EMAIL, FACTOR = "user.email", "user.has_2fa_enabled"


class Shapes:
    """Makes the shapes with the links of one server; `base_url` has no trailing slash."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def links(self, path: str, page: str = "", **more: str) -> Links:
        """Make the links of an object: `self`, `html` where there is a page, and more by name, each below /2.0."""
        links = {"self": Link(f"{self._base_url}/2.0{path}")}
        if page:
            links["html"] = Link(f"{self._base_url}{page}")
        return links | {name: Link(f"{self._base_url}/2.0{path}") for name, path in more.items()}

    def user(
        self,
        account: Account,
        *,
        created_at: datetime | None = None,
        email: str | None = None,
        shows_factor: bool = False,
    ) -> WorkspaceUser:
        """Shape a person; `shows_factor` adds whether they have a second factor."""
        path = f"/users/{quote(braced(account.id))}"
        links = self.links(path, f"/accounts/{account.username}", repositories=f"/repositories/{account.username}")
        return WorkspaceUser(
            uuid=braced(account.id),
            account_id=account.aaid if account.aaid else UNSET,
            username=account.username,
            nickname=account.nickname or account.username,
            display_name=account.display_name,
            account_status="active" if account.is_active else "inactive",
            is_staff=account.site_admin,
            has_2fa_enabled=account.has_second_factor if shows_factor else UNSET,
            created_on=UNSET if created_at is None else moment(created_at),
            email=email if email is not None else UNSET,
            links=links | {"avatar": self._avatar(account)},
        )

    def workspace(self, dated: DatedAccount) -> Workspace:
        """Shape an account as a workspace."""
        account = dated.account
        path = f"/workspaces/{account.username}"
        links = self.links(
            path,
            f"/accounts/{account.username}",
            members=f"{path}/members",
            owners=f"{path}/permissions?q=permission%3D%22owner%22",
            projects=f"{path}/projects",
            repositories=f"/repositories/{account.username}",
        )
        return Workspace(
            uuid=braced(account.id),
            slug=account.username,
            name=account.display_name,
            is_personal=not account.is_team,
            created_on=moment(dated.created_at),
            updated_on=moment(dated.created_at),
            links=links | {"avatar": self._avatar(account)},
        )

    def workspace_access(self, membership: Membership, *, administrator: bool) -> WorkspaceAccess:
        """Shape a workspace that the caller is in."""
        account = membership.workspace.account
        base = WorkspaceBase(
            uuid=braced(account.id), slug=account.username, links=self.links(f"/workspaces/{account.username}")
        )
        return WorkspaceAccess(administrator=administrator, workspace=base)

    def membership(
        self,
        membership: Membership,
        *,
        with_permission: bool = False,
        with_email: bool = False,
        with_factor: bool = False,
    ) -> WorkspaceMembership:
        """Shape a person in a workspace."""
        account, person = membership.workspace.account, membership.person.account
        return WorkspaceMembership(
            permission=membership.role.value if with_permission else UNSET,
            user=self.user(
                person,
                created_at=membership.person.created_at,
                email=membership.email if with_email else None,
                shows_factor=with_factor and membership.shows_factor,
            ),
            workspace=self.workspace(membership.workspace),
            links=self.links(f"/workspaces/{account.username}/members/{quote(braced(person.id))}"),
        )

    def email(self, address: str, *, is_primary: bool, is_confirmed: bool) -> EmailAddress:
        """Shape an address of the caller."""
        links = self.links(f"/user/emails/{quote(address)}")
        return EmailAddress(email=address, is_primary=is_primary, is_confirmed=is_confirmed, links=links)

    def account_name(self, account: Account) -> AccountName:
        """Shape an owner in short."""
        path = f"/users/{quote(braced(account.id))}" if not account.is_team else f"/workspaces/{account.username}"
        return AccountName(
            type="team" if account.is_team else "user",
            uuid=braced(account.id),
            username=account.username,
            display_name=account.display_name,
            links=self.links(path, f"/accounts/{account.username}"),
        )

    def workspace_name(self, account: Account) -> WorkspaceName:
        """Shape a workspace in short."""
        links = self.links(f"/workspaces/{account.username}", f"/accounts/{account.username}")
        return WorkspaceName(uuid=braced(account.id), slug=account.username, name=account.display_name, links=links)

    def repository_name(self, owner: Account, repository: Repository) -> RepositoryName:
        """Shape a repository in short."""
        full_name = f"{owner.username}/{repository.slug}"
        return RepositoryName(
            uuid=braced(repository.id),
            name=repository.name,
            full_name=full_name,
            links=self.links(f"/repositories/{full_name}"),
        )

    def group(self, owner: Account, group: Group) -> WorkspaceGroup:
        """Shape a group."""
        page = f"/accounts/{owner.username}/groups/{group.slug}"
        return WorkspaceGroup(
            name=group.name,
            slug=group.slug,
            full_slug=f"{owner.username}:{group.slug}",
            owner=self.account_name(owner),
            workspace=self.workspace_name(owner),
            links={"self": Link(f"{self._base_url}/1.0/groups/{owner.username}/{group.slug}")}
            | {"html": Link(f"{self._base_url}{page}")},
        )

    def _avatar(self, account: Account) -> Link:
        return Link(f"{self._base_url}/avatars/{account.username}/32")


def braced(id: str) -> str:
    """Put a UUID in braces.

    >>> braced("b0b00000-0000-4000-8000-000000000002")
    '{b0b00000-0000-4000-8000-000000000002}'
    """
    return f"{{{id}}}"


def moment(at: datetime) -> str:
    """Format a time in UTC with microseconds and its offset.

    >>> moment(datetime(2026, 3, 4, 9, 15, 9, 123456, tzinfo=UTC))
    '2026-03-04T09:15:09.123456+00:00'
    """
    return at.astimezone(UTC).isoformat(timespec="microseconds")
