"""JSON shapes of permissions on repositories."""

from datetime import datetime
from urllib.parse import quote

from onebucket.actions.privileges import DirectGrant
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2.objects import RepositoryGroupPermission, RepositoryUserPermission
from onebucket.surfaces.v2.shapes import Shapes, braced


class PermissionShapes:
    """Shapes permissions for a request, which may ask for ends with `include=until`."""

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._shapes = Shapes(request.base_url)

    def of_group(
        self, owner: Account, repository: Repository, group: Group, level: Level, until: datetime | None
    ) -> RepositoryGroupPermission:
        """Shape what a group may do on a repository."""
        where = f"/repositories/{owner.username}/{repository.slug}/permissions-config/groups"
        return RepositoryGroupPermission(
            permission=level.word,
            group=self._shapes.group(owner, group),
            repository=self._shapes.repository_name(owner, repository),
            links=self._shapes.links(f"{where}/{group.slug}"),
            until=self._request.shown_end(until),
        )

    def of_person(self, grant: DirectGrant) -> RepositoryUserPermission:
        """Shape what was given to a person directly on a repository."""
        where = f"/repositories/{grant.owner.username}/{grant.repository.slug}/permissions-config/users"
        return RepositoryUserPermission(
            permission=grant.level.word,
            user=self._shapes.user(grant.person),
            repository=self._shapes.repository_name(grant.owner, grant.repository),
            links=self._shapes.links(f"{where}/{quote(braced(grant.person.id))}"),
            until=self._request.shown_end(grant.until),
        )
