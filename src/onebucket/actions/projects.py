"""Projects, which hold an account's repositories: list, read, create, change and delete them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import projects
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.projects import Project, project_facts
from onebucket.domain.refusals import Invalid
from onebucket.store import project_privilege_rows, project_rows


class ProjectInAccount(NamedTuple):
    """A project with its account, the number of its repositories, and whether one of them is public."""

    owner: Account
    project: Project
    repositories: int
    has_public_repositories: bool


def listed(work: UnitOfWork, account_name: str) -> list[ProjectInAccount]:
    """List the account's projects that the actor may see, by key. Raises NotFound."""
    owner, visible = access.projects(work, account_name)
    counts = project_rows.repository_counts(work.tx, owner.id)
    return [_in_account(owner, each, counts) for each in visible]


def read(work: UnitOfWork, account_name: str, key: str) -> ProjectInAccount:
    """Return the account's project with this key, in any case. Raises NotFound."""
    owner, project = access.project(work, account_name, key, to=To.SEE_PROJECT)
    return _in_account(owner, project, project_rows.repository_counts(work.tx, owner.id, project.id))


def create(
    work: UnitOfWork, account_name: str, key: str, *, name: str, description: str = "", is_private: bool = True
) -> Project:
    """Create a project, private by default. Raises Invalid, Conflict."""
    owner = access.account(work, account_name, to=To.CREATE_PROJECT)
    return _add(
        work,
        owner,
        projects.check_key(key),
        projects.check_name(name),
        projects.check_description(description),
        is_private=is_private,
    )


def for_new_repository(work: UnitOfWork, account_name: str, key: str | None) -> tuple[Account, Project]:
    """Return the account, and the project that a new repository of the actor's goes into.

    Without `key` it is the account's oldest project; its first one is made here. Raises NotFound, Forbidden.
    """
    if key is not None:
        return access.project(work, account_name, key, to=To.ADD_REPOSITORY)
    owner = access.account(work, account_name, to=To.LIST_PROJECTS)
    oldest = project_rows.oldest(work.tx, owner.id)
    if oldest is not None:
        return access.project(work, owner.id, oldest.key, to=To.ADD_REPOSITORY)
    access.account(work, owner.id, to=To.ADD_REPOSITORY)
    return owner, _add(work, owner, projects.DEFAULT_KEY, projects.DEFAULT_NAME, "", is_private=True)


def for_new_repositories(work: UnitOfWork, account_name: str, key: str | None) -> list[Project]:
    """Return the projects into which the actor may put repositories: all, for administrators, or the one with `key`.

    Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PROFILE)
    if access.administers(work, owner):
        return project_rows.of_account(work.tx, owner.id)
    if key is not None:
        return [access.project(work, owner.id, key, to=To.ADD_REPOSITORY)[1]]
    access.account(work, owner.id, to=To.ADD_REPOSITORY)
    return []


def change(
    work: UnitOfWork,
    account_name: str,
    key: str,
    *,
    new_key: str | None = None,
    name: str | None = None,
    description: str | None = None,
    is_private: bool | None = None,
) -> Project:
    """Change the given fields of a project. Raises Invalid, Conflict."""
    owner, before = access.project(work, account_name, key, to=To.CHANGE_PROJECT)
    after = before
    if new_key is not None:
        after = replace(after, key=projects.check_key(new_key))
    if name is not None:
        after = replace(after, name=projects.check_name(name))
    if description is not None:
        after = replace(after, description=projects.check_description(description))
    if is_private is not None:
        after = replace(after, is_private=is_private)
    if after == before:
        return before
    after = replace(after, updated_at=work.at)

    project_rows.change(work.tx, after)

    work.record(Event.PROJECT_CHANGED, owner, before.key, before=project_facts(before), after=project_facts(after))
    return after


def delete(work: UnitOfWork, account_name: str, key: str) -> None:
    """Delete a project with its privileges. Raises Invalid while it has repositories."""
    owner, project = access.project(work, account_name, key, to=To.DELETE_PROJECT)
    number, _ = project_rows.repository_counts(work.tx, owner.id, project.id).get(project.id, (0, 0))
    if number:
        raise Invalid(f"the project {project.key} has repositories: move or delete them first ({number})")
    groups = project_privilege_rows.groups_on(work.tx, owner.id, project.id)
    people = project_privilege_rows.people_on(work.tx, owner.id, project.id)
    lost = project_facts(project) | {
        "groups": {group.slug: level.word for group, level, _ in groups},
        "users": {person.username: level.word for person, level, _ in people},
    }

    project_privilege_rows.remove_on_project(work.tx, owner.id, project.id)
    project_rows.delete_project(work.tx, project)

    work.record(Event.PROJECT_DELETED, owner, project.key, before=lost)


def _add(work: UnitOfWork, owner: Account, key: str, name: str, description: str, *, is_private: bool) -> Project:
    at = work.next_timestamp()
    project = Project(owner.id, work.new_id(), key, name, description, is_private, created_at=at, updated_at=at)

    project_rows.add(work.tx, project)

    work.record(Event.PROJECT_ADDED, owner, project.key, after=project_facts(project))
    return project


def _in_account(owner: Account, project: Project, counts: Mapping[str, tuple[int, int]]) -> ProjectInAccount:
    number, public = counts.get(project.id, (0, 0))
    return ProjectInAccount(owner, project, number, public > 0)
