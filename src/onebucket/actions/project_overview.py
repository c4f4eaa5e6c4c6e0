"""Queries for the pages of projects and repositories: what they hold, what is set on them, what the actor may do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from onebucket.actions import access, account_overview, privileges, project_privileges, projects, repositories
from onebucket.actions.account_overview import AccountSummary
from onebucket.actions.privileges import DirectGrant, GroupGrant, PrivilegeFilter, PrivilegeListing
from onebucket.actions.project_privileges import ProjectGroupGrant, ProjectPersonGrant
from onebucket.actions.projects import ProjectInAccount
from onebucket.actions.repositories import RepositoryDetails
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.filters import AllOf, Comparison, ListQuery, Operator
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.domain.repositories import Repository
from onebucket.store import end_rows
from onebucket.store.end_rows import AccessEnd

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """A project with what is set on it for groups and people; None if the actor may not change that."""

    summary: AccountSummary
    found: ProjectInAccount
    grants: Sequence[ProjectGroupGrant | ProjectPersonGrant] | None


def project(work: UnitOfWork, account_name: str, key: str) -> ProjectOverview:
    """Return a project that the actor can see. Raises NotFound."""
    found = projects.read(work, account_name, key)
    place = found.owner.id, found.project.key
    grants = _unless_refused(lambda: project_privileges.of_all(work, *place))
    return ProjectOverview(account_overview.summary_for_visitors(work, found.owner.id), found, grants)


def project_to_delete(work: UnitOfWork, account_name: str, key: str) -> ProjectOverview:
    """Return a project that the actor may delete. Raises NotFound, Forbidden."""
    owner, found = access.project(work, account_name, key, to=To.DELETE_PROJECT)
    return project(work, owner.id, found.key)


def repositories_in(work: UnitOfWork, found: ProjectInAccount, query: ListQuery) -> tuple[list[RepositoryDetails], int]:
    """Return the part of those of the project's repositories that the actor can see that a query wants, by slug.

    Also returns how many pass its filter.
    """
    there = Comparison("project_id", Operator.EQUAL, found.project.id)
    wanted = there if query.filter is None else AllOf((there, query.filter))
    return repositories.visible(work, found.owner.id, replace(query, filter=wanted))


@dataclass(frozen=True, slots=True)
class RepositoryOverview:
    """A repository with what groups and people have there and, through its project, everywhere in the project.

    `groups`, `people` and `on_project` are None if the actor may not see them; groups whose default doesn't hold there
    are among them, with no access. `groups_set_there` are the ids of groups
    that have something other than their default. `others` are the projects that the
    actor may move it to. The project's page is linked only where it `has_visible_project`. `ends` is what ends of what
    was set on the repository.
    """

    summary: AccountSummary
    details: RepositoryDetails
    has_visible_project: bool
    groups: Sequence[GroupGrant] | None
    groups_set_there: frozenset[str]
    people: Sequence[DirectGrant] | None
    on_project: Sequence[ProjectGroupGrant | ProjectPersonGrant] | None
    others: Sequence[Project]
    ends: Sequence[AccessEnd] = ()


def repository(work: UnitOfWork, account_name: str, slug: str) -> RepositoryOverview:
    """Return a repository that the actor can see. Raises NotFound."""
    details = repositories.read(work, account_name, slug)
    owner_id, key = details.owner.id, details.project.key
    summary = account_overview.summary_for_visitors(work, owner_id)
    wanted = PrivilegeFilter(members=False)
    listing = _unless_refused(lambda: privileges.of_repository(work, owner_id, slug, wanted))
    groups_set_there = frozenset(group_id for _, group_id in listing.set_there) if listing else frozenset[str]()
    people = _unless_refused(lambda: [*privileges.list_direct(work, owner_id, slug)])
    has_visible_project = _unless_refused(lambda: access.project(work, owner_id, key, to=To.SEE_PROJECT)) is not None
    on_project = _unless_refused(lambda: project_privileges.of_all(work, owner_id, key))
    others = [each for each in access.projects(work, owner_id)[1] if each.key != key] if summary.administers else []
    return RepositoryOverview(
        summary,
        details,
        has_visible_project,
        [*listing, *_overridden(listing, details.repository)] if listing else None,
        groups_set_there,
        people,
        on_project,
        others,
        [end for end in end_rows.of_account(work.tx, owner_id) if end.place_id == details.repository.id]
        if listing
        else (),
    )


def _overridden(listing: PrivilegeListing, repository: Repository) -> list[GroupGrant]:
    """Return the groups that have no access because that was set on the repository."""
    set_there = listing.set_there
    return [
        GroupGrant(repository, roster, Level.NONE)
        for roster in listing.rosters
        if set_there.get((repository.id, roster.group.id)) is Level.NONE
    ]


def _unless_refused(ask: Callable[[], _Result]) -> _Result | None:
    try:
        return ask()
    except (Forbidden, NotFound):
        return None
