"""Reads a whole workspace of Bitbucket Cloud over its APIs 2.0 and 1.0."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from onebucket.remote.bitbucket_api import BitbucketApi
from onebucket.remote.bitbucket_objects import (
    OWNER,
    Membership,
    Project,
    Repository,
    RepositoryInvitation,
    WorkspaceContents,
)
from onebucket.remote.errors import NotPermitted, NotThere, PlanLimit, Rejected
from onebucket.remote.json_client import JsonClient
from onebucket.remote.saved_responses import SavedResponses

T = TypeVar("T")

# Called with the steps done and their total, as far as it is known.
Report = Callable[[int, int], None]

# The errors after which the rest is still worth reading. Others, such as a refused credential, end the read.
_PERMISSIONS, _PERMISSIONS_OF_PEOPLE = "permissions", "permissions of people"
# Repositories that are named one by one.
MAX_NAMED = 5
_NAMED = (NotPermitted, NotThere, PlanLimit, Rejected)


class WorkspaceReader:
    """Reads one workspace; `saved` keeps each response, and gives those of an earlier read that was cut off."""

    def __init__(
        self, client: JsonClient, slug: str, saved: SavedResponses, *, report: Report = lambda done, total: None
    ) -> None:
        self._client = client
        self._api = BitbucketApi(self._get, slug)
        self._saved = saved
        self._report = report
        self._done = self._total = 0
        # The slugs of repositories whose permissions couldn't be read, with the reason.
        self._unread: dict[str, list[tuple[str, str]]] = {_PERMISSIONS: [], _PERMISSIONS_OF_PEOPLE: []}

    async def read(self) -> WorkspaceContents:
        """Read everything. What the credential may not read is named in `unread`. Raises RemoteError."""
        contents = WorkspaceContents(await self._api.workspace())
        await self._together(self._members(contents), self._lists(contents), self._old_lists(contents))
        await self._limits_of_caller(contents)
        await self._together(
            *(self._project_permissions(contents, project) for project in contents.projects),
            *(self._repository_permissions(contents, repository) for repository in list(contents.repositories)),
        )
        await self._repository_invitations(contents)
        contents.unread += self._unread_permissions()
        contents.unread.sort()
        return contents

    async def _members(self, contents: WorkspaceContents) -> None:
        """Read the members, with their addresses where the credential is an administrator's, and who owns it."""
        members = await self._or_named(contents, "members", self._api.members())
        roles = await self._or_named(contents, "roles of members", self._api.roles())
        permissions = {each.user.uuid: each.permission for each in roles or []}
        contents.members = [
            Membership(each.user, permissions.get(each.user.uuid, each.permission)) for each in members or []
        ]

    async def _limits_of_caller(self, contents: WorkspaceContents) -> None:
        """Name what isn't in the lists: they have only what the caller sees, which is everything for an owner."""
        caller = await self._or_named(contents, "whose credential it is", self._api.caller())
        owners = {each.user.uuid for each in contents.members if each.permission == OWNER}
        if caller is not None and caller.uuid not in owners:
            name = caller.nickname or caller.display_name
            contents.unread.append(
                f"what {name} doesn't see there: the credential is {name}'s, who doesn't administer the workspace"
            )

    async def _lists(self, contents: WorkspaceContents) -> None:
        contents.projects = await self._or_named(contents, "projects", self._api.projects()) or []
        contents.repositories = await self._or_named(contents, "repositories", self._api.repositories()) or []

    async def _old_lists(self, contents: WorkspaceContents) -> None:
        contents.groups = await self._or_named(contents, "groups and their members", self._api.groups())
        contents.group_invitations = await self._or_named(
            contents, "invitations to groups", self._api.group_invitations()
        )

    async def _project_permissions(self, contents: WorkspaceContents, project: Project) -> None:
        what = f"permissions on the project {project.key}"
        permissions = await self._or_named(contents, what, self._api.on_project(project.key))
        if permissions is not None:
            contents.project_permissions[project.key] = permissions

    async def _repository_permissions(self, contents: WorkspaceContents, repository: Repository) -> None:
        try:
            contents.repository_permissions[repository.slug] = await self._api.on_repository(repository.slug)
        except NotThere:
            # Lists and permissions are read one after the other, so it may have been deleted in between.
            contents.repositories.remove(repository)
            contents.unread.append(f"the repository {repository.slug}: it vanished while the workspace was read")
        except _NAMED as error:
            await self._group_privileges(contents, repository, str(error))

    async def _group_privileges(self, contents: WorkspaceContents, repository: Repository, reason: str) -> None:
        """Read from API 1.0 what groups have on a repository whose permissions API 2.0 doesn't tell."""
        try:
            found = await self._api.group_privileges(repository.slug)
        except _NAMED:
            self._unread[_PERMISSIONS].append((repository.slug, reason))
        else:
            contents.privileges[repository.slug] = found
            self._unread[_PERMISSIONS_OF_PEOPLE].append((repository.slug, reason))

    def _unread_permissions(self) -> Iterator[str]:
        """Name the repositories whose permissions couldn't be read; many of them in one sentence."""
        for what, repositories in self._unread.items():
            if len(repositories) <= MAX_NAMED:
                yield from (f"{what} on the repository {slug}: {reason}" for slug, reason in repositories)
            else:
                slugs, (_, reason) = sorted(slug for slug, _ in repositories), min(repositories)
                yield f"{what} on {len(slugs):,} repositories ({', '.join(slugs[:MAX_NAMED])} …): {reason}"

    async def _repository_invitations(self, contents: WorkspaceContents) -> None:
        """Read the invitations to each repository; one sentence in `unread` tells of all that couldn't be read."""
        found: list[RepositoryInvitation] = []
        errors: list[Exception] = []

        async def read(repository: Repository) -> None:
            try:
                found.extend(await self._api.repository_invitations(repository.slug))
            except _NAMED as error:
                errors.append(error)

        await self._together(*map(read, contents.repositories))
        if errors:
            contents.unread.append(f"invitations to {len(errors):,} repositories: {errors[0]}")
        else:
            contents.repository_invitations = found

    async def _or_named(self, contents: WorkspaceContents, what: str, reading: Awaitable[T]) -> T | None:
        """Return what was read; if it may not be read, add that to `unread` and return None."""
        try:
            return await reading
        except _NAMED as error:
            contents.unread.append(f"{what}: {error}")
            return None

    async def _get(self, address: str) -> Any:
        """Return a response, from the saved ones if it was read before. Raises RemoteError."""
        self._total += 1
        try:
            response = self._saved.get(address)
        except KeyError:
            response = await self._client.get(address)
            self._saved.add(address, response)
        self._done += 1
        self._report(self._done, self._total)
        return response

    async def _together(self, *reads: Coroutine[Any, Any, None]) -> None:
        """Run reads side by side; the first error ends them all and is raised."""
        try:
            async with asyncio.TaskGroup() as group:
                for read in reads:
                    group.create_task(read)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
