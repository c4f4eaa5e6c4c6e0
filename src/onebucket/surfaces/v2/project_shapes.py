"""Makes the objects of projects and repositories in API 2.0."""

from urllib.parse import quote

from onebucket.actions.project_privileges import ProjectGroupGrant, ProjectPersonGrant
from onebucket.actions.projects import ProjectInAccount
from onebucket.actions.repositories import RepositoryDetails
from onebucket.domain.accounts import Account
from onebucket.domain.projects import Project
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2.objects import Link
from onebucket.surfaces.v2.project_objects import (
    CloneLink,
    MainBranch,
    ProjectGroupPermission,
    ProjectName,
    ProjectObject,
    ProjectUserPermission,
    RepositoryLinks,
    RepositoryObject,
)
from onebucket.surfaces.v2.shapes import Shapes, braced, moment


class ProjectShapes:
    """Makes the shapes with the links of the server that a request was sent to."""

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._base_url = request.base_url
        self._clone_urls = request.clone_urls
        self._shapes = Shapes(request.base_url)

    def project_name(self, owner: Account, project: Project) -> ProjectName:
        """Shape a project in short."""
        return ProjectName(
            uuid=braced(project.id),
            key=project.key,
            name=project.name,
            links=self._shapes.links(f"/workspaces/{owner.username}/projects/{project.key}"),
        )

    def project(self, found: ProjectInAccount) -> ProjectObject:
        """Shape a project."""
        owner, project = found.owner, found.project
        path = f"/workspaces/{owner.username}/projects/{project.key}"
        repositories = f"/repositories/{owner.username}?q=project.key%3D%22{project.key}%22"
        page = f"/accounts/{owner.username}/projects/{project.key}"
        links = self._shapes.links(path, page, repositories=repositories)
        return ProjectObject(
            uuid=braced(project.id),
            key=project.key,
            name=project.name,
            description=project.description,
            is_private=project.is_private,
            has_publicly_visible_repos=found.has_public_repositories,
            owner=self._shapes.account_name(owner),
            workspace=self._shapes.workspace_name(owner),
            created_on=moment(project.created_at),
            updated_on=moment(project.updated_at),
            links=links | {"avatar": Link(f"{self._base_url}/avatars/{owner.username}/32")},
        )

    def group_permission(self, grant: ProjectGroupGrant) -> ProjectGroupPermission:
        """Shape what a group has on a project."""
        where = f"/workspaces/{grant.owner.username}/projects/{grant.project.key}/permissions-config/groups"
        return ProjectGroupPermission(
            permission=grant.level.word,
            group=self._shapes.group(grant.owner, grant.group),
            project=self.project_name(grant.owner, grant.project),
            links=self._shapes.links(f"{where}/{grant.group.slug}"),
            until=self._request.shown_end(grant.until),
        )

    def user_permission(self, grant: ProjectPersonGrant) -> ProjectUserPermission:
        """Shape what was given to a person directly on a project."""
        where = f"/workspaces/{grant.owner.username}/projects/{grant.project.key}/permissions-config/users"
        return ProjectUserPermission(
            permission=grant.level.word,
            user=self._shapes.user(grant.person),
            project=self.project_name(grant.owner, grant.project),
            links=self._shapes.links(f"{where}/{quote(braced(grant.person.id))}"),
            until=self._request.shown_end(grant.until),
        )

    def repository(self, details: RepositoryDetails) -> RepositoryObject:
        """Shape a repository."""
        owner, repository = details.owner, details.repository
        return RepositoryObject(
            uuid=braced(repository.id),
            full_name=f"{owner.username}/{repository.slug}",
            name=repository.name,
            slug=repository.slug,
            is_private=repository.is_private,
            description=repository.description,
            fork_policy=repository.fork_policy.value,
            language=repository.language,
            has_issues=repository.has_issues,
            has_wiki=repository.has_wiki,
            mainbranch=MainBranch(name=repository.mainbranch),
            project=self.project_name(owner, details.project),
            owner=self._shapes.account_name(owner),
            workspace=self._shapes.workspace_name(owner),
            created_on=moment(details.created_at),
            updated_on=moment(details.updated_at),
            links=self._repository_links(owner, repository.slug),
        )

    def _repository_links(self, owner: Account, slug: str) -> RepositoryLinks:
        names = {"workspace": owner.username, "repository": slug}
        return RepositoryLinks(
            self=Link(f"{self._base_url}/2.0/repositories/{owner.username}/{slug}"),
            html=Link(f"{self._base_url}/accounts/{owner.username}/repositories/{slug}"),
            avatar=Link(f"{self._base_url}/avatars/{owner.username}/32"),
            clone=[
                CloneLink("https" if url.startswith("http") else "ssh", url.format(**names)) for url in self._clone_urls
            ],
        )
