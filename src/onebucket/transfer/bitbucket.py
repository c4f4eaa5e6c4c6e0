"""Turns a workspace of Bitbucket Cloud into an account document."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import UNSET, UnsetType

from onebucket.domain.privileges import Level, parse_level
from onebucket.domain.projects import ProjectLevel, parse_project_level
from onebucket.domain.refusals import Refusal
from onebucket.domain.repositories import ForkPolicy
from onebucket.remote import bitbucket_objects
from onebucket.remote.bitbucket_objects import OWNER, Permissions, WorkspaceContents
from onebucket.transfer import bitbucket_groups
from onebucket.transfer.bitbucket_people import PeopleOfWorkspace
from onebucket.transfer.model import Document, Group, Invitation, Project, Repository, Team, User
from onebucket.transfer.source_tree import UnreadableDocument

L = TypeVar("L", Level, ProjectLevel)


@dataclass(slots=True)
class ImportedWorkspace:
    """A document made from a workspace; `notes` says what a reader may not expect, `counts` how much of what it has."""

    document: Document
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """Return what was found, as a sentence."""
        return ", ".join(f"{number:,} {what}" for what, number in self.counts.items())


def to_document(
    contents: WorkspaceContents, people: PeopleOfWorkspace, *, username: str, is_new: bool
) -> ImportedWorkspace:
    """Convert a workspace to a document: an account `username`, here already or not, with what the workspace has.

    What couldn't be read stays UNSET, so that applying the document leaves it alone. Each permission is written down,
    also one that equals a group's default: the original copies the default to a new repository, and from then on the
    two have nothing to do with each other. Raises UnreadableDocument.
    """
    return _Conversion(contents, people, username, is_new=is_new).result()


class _Conversion:
    """One conversion of a workspace."""

    def __init__(self, contents: WorkspaceContents, people: PeopleOfWorkspace, username: str, *, is_new: bool) -> None:
        self._contents = contents
        self._people = people
        self._username = username
        self._is_new = is_new
        self._notes: list[str] = []

    def result(self) -> ImportedWorkspace:
        contents = self._contents
        self._people.add_all(_everybody(contents))
        groups = bitbucket_groups.groups(contents, self._people, self._notes, is_new=self._is_new)
        projects, repositories, invitations = self._projects(), self._repositories(), self._invitations()
        memberships = sum(len(group.members) for group in contents.groups or ())

        # A personal workspace has the UUID of its person.
        workspace, users = contents.workspace, self._people.users
        owner = self._people.find(workspace.uuid)
        if owner is not None:
            users = [each for each in users if each is not owner]
            account: User | Team = _owning(owner, groups, projects, repositories, invitations)
        else:
            account = Team(
                username=self._username, uuid=workspace.uuid, display_name=workspace.name or UNSET,
                groups=groups, projects=projects, repositories=repositories, invitations=invitations,
            )  # fmt: skip
        document = (
            Document(users=[*users, account]) if isinstance(account, User) else Document(users=users, teams=[account])
        )
        return ImportedWorkspace(
            document,
            [*self._notes, *self._people.notes],
            {
                "people": len(self._people.users),
                "groups": len(contents.groups or ()),
                "memberships": memberships,
                "projects": len(contents.projects),
                "repositories": len(contents.repositories),
                "invitations": len(invitations if isinstance(invitations, list) else ()),
            },
        )

    # -- projects and repositories -----------------------------------------------------------------

    def _projects(self) -> list[Project]:
        by_key: dict[str, list[str]] = {}
        for repository in self._contents.repositories:
            if repository.project is not None:
                by_key.setdefault(repository.project.key, []).append(repository.slug)
        return [self._project(project, by_key.get(project.key, [])) for project in self._contents.projects]

    def _project(self, project: bitbucket_objects.Project, repositories: list[str]) -> Project:
        where = f"the project {project.key}"
        groups, users = self._given(self._contents.project_permissions.get(project.key), parse_project_level, where)
        return Project(
            key=project.key,
            name=project.name or UNSET,
            is_private=project.is_private,
            description=project.description or "",
            repositories=repositories,
            privileges=groups,
            users=users,
        )

    def _repositories(self) -> list[Repository]:
        return [self._repository(repository) for repository in self._contents.repositories]

    def _repository(self, repository: bitbucket_objects.Repository) -> Repository:
        where = f"the repository {repository.slug}"
        permissions = self._contents.repository_permissions.get(repository.slug)
        groups, users = self._given(permissions, _repository_level, where)
        if repository.slug in self._contents.privileges:
            privileges = self._contents.privileges[repository.slug]
            groups = {each.group.slug: bitbucket_groups.level(each.privilege, where) for each in privileges}
        if isinstance(groups, dict):
            # A group without a permission there has none, whatever its default is.
            defaults = [group.slug for group in self._contents.groups or () if group.permission]
            groups = dict.fromkeys(defaults, Level.NONE) | groups
        return Repository(
            slug=repository.slug,
            name=repository.name or UNSET,
            is_private=repository.is_private,
            description=repository.description or "",
            fork_policy=_fork_policy(repository.fork_policy),
            language=repository.language or UNSET,
            has_issues=repository.has_issues,
            has_wiki=repository.has_wiki,
            mainbranch=repository.mainbranch.name if repository.mainbranch else UNSET,
            privileges=groups,
            users=users,
        )

    def _given(
        self, permissions: Permissions | None, parse: Callable[[str], L], where: str
    ) -> tuple[dict[str, L] | UnsetType, dict[str, L] | UnsetType]:
        """Return the levels of groups by slug and of people by username; UNSET if they couldn't be read."""
        if permissions is None:
            return UNSET, UNSET
        try:
            groups = {each.group.slug: parse(each.permission) for each in permissions.groups}
            users = {self._people.username(each.user): parse(each.permission) for each in permissions.users}
        except Refusal as refusal:
            raise UnreadableDocument(f"{where}: {refusal.sentence}") from None
        known = bitbucket_groups.known_slugs(self._contents)
        for slug in sorted(groups.keys() - known):
            self._notes.append(
                f"{where}: the group {slug} is not in the list of groups, and its permission is left out"
            )
            del groups[slug]
        return groups, {name: level for name, level in users.items() if level}

    # -- invitations -------------------------------------------------------------------------------

    def _invitations(self) -> list[Invitation] | UnsetType:
        contents = self._contents
        if contents.group_invitations is None or contents.repository_invitations is None:
            return UNSET
        if not any(member.permission == OWNER for member in contents.members):
            contents.unread.append("who sent the invitations: nobody is known to own the workspace")
            return UNSET
        to_groups = [
            Invitation(
                email=each.email,
                groups=[group.rpartition("/")[2] for group in each.groups],
                invited_by=self._inviter(each.email, each.invited_by),
            )
            for each in contents.group_invitations
        ]
        to_repositories = [
            Invitation(
                email=each.email,
                repository=each.repository.slug,
                permission=bitbucket_groups.level(each.permission, f"the invitation of {each.email}"),
                invited_by=self._inviter(each.email, each.invited_by),
            )
            for each in contents.repository_invitations
        ]
        return [*to_groups, *to_repositories]

    def _inviter(self, email: str, inviter: bitbucket_objects.Person | None) -> str:
        """Return who invited: only an owner's invitation holds, so the first owner stands in for anybody else."""
        owners = [member.user for member in self._contents.members if member.permission == OWNER]
        if inviter is not None and inviter.uuid in {owner.uuid for owner in owners}:
            return self._people.username(inviter)
        name = min(self._people.username(owner) for owner in owners)
        self._notes.append(f"the invitation of {email} is from {name} here, because who sent it is no owner")
        return name


def _everybody(contents: WorkspaceContents) -> list[bitbucket_objects.Person]:
    """Return everybody who is named anywhere, members first because they come with their address."""
    permissions = [*contents.repository_permissions.values(), *contents.project_permissions.values()]
    people = [
        *(member.user for member in contents.members),
        *(person for group in contents.groups or () for person in group.members),
        *(each.user for given in permissions for each in given.users),
    ]
    found: dict[str, bitbucket_objects.Person] = {}
    for person in people:
        found.setdefault(person.uuid, person)
    return list(found.values())


def _owning(
    owner: User,
    groups: list[Group] | UnsetType,
    projects: list[Project],
    repositories: list[Repository],
    invitations: list[Invitation] | UnsetType,
) -> User:
    return User(
        **{key: getattr(owner, key) for key in ("username", "uuid", "account_id", "email", "display_name", "nickname")},
        groups=groups, projects=projects, repositories=repositories, invitations=invitations,
    )  # fmt: skip


def _repository_level(word: str) -> Level:
    return parse_level(word, none=True)


def _fork_policy(word: str | None) -> ForkPolicy | UnsetType:
    return ForkPolicy(word) if word in {policy.value for policy in ForkPolicy} else UNSET
