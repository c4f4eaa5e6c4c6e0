"""Repositories, as the objects of privileges: add, change, move, delete and list them. They hold no code here."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, Unpack

from onebucket import slugs
from onebucket.actions import access, pending_invitations, projects
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import repositories
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.filters import ListQuery
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.domain.repositories import ForkPolicy, Repository, repository_facts
from onebucket.store import (
    access_request_rows,
    invitation_rows,
    privilege_rows,
    project_rows,
    repository_lists,
    repository_rows,
)


class RepositoryFields(TypedDict, total=False):
    """What a repository may be given: those that are missing, or None, have their default or stay as they are."""

    name: str | None
    is_private: bool | None
    description: str | None
    fork_policy: ForkPolicy | None
    language: str | None
    has_issues: bool | None
    has_wiki: bool | None
    mainbranch: str | None
    has_inherited_merge_strategy: bool | None
    has_inherited_branching_model: bool | None


class RepositoryDetails(NamedTuple):
    """A repository with its account, its project, and when it was created and last changed."""

    owner: Account
    repository: Repository
    project: Project
    created_at: datetime
    updated_at: datetime


def read(work: UnitOfWork, account_name: str, slug: str) -> RepositoryDetails:
    """Return a repository that the actor can see (contract/api-1.0.md#1.10). Raises NotFound."""
    owner, repository = access.repository(work, account_name, slug, to=To.SEE_REPOSITORY)
    return RepositoryDetails(owner, repository, *repository_rows.home_and_times(work.tx, repository))


def exists(work: UnitOfWork, account_name: str, slug: str) -> bool:
    """Return whether an account has a repository with this slug, for its administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return repository_rows.find(work.tx, owner.id, slug) is not None


def add(
    work: UnitOfWork, account_name: str, slug: str, *, project: str | None = None, **fields: Unpack[RepositoryFields]
) -> Repository:
    """Add a repository, private by default, to a project or to the account's oldest. Raises Invalid, Conflict."""
    owner, home = projects.for_new_repository(work, account_name, project)
    slug = repositories.check_slug(slug)
    new = Repository(account_id=owner.id, id=work.new_id(), slug=slug, name=slug, project_id=home.id)
    repository = _with_fields(new, fields)

    repository_rows.add(work.tx, repository, at=work.at)

    work.record(Event.REPOSITORY_ADDED, owner, repository.slug, after=repository_facts(repository, home))
    return repository


def may_add_missing(work: UnitOfWork, account_name: str, slug: str, project: str | None) -> bool:
    """Return whether an account has no repository with that slug, and the actor may add it. Raises NotFound.

    For everybody else one that is missing is the same as one that they can't see.
    """
    owner = access.account(work, account_name, to=To.LIST_PROJECTS)
    if repository_rows.find(work.tx, owner.id, slug) is not None:
        return False
    try:
        projects.for_new_repository(work, owner.id, project)
    except (NotFound, Forbidden):
        return access.administers(work, owner)
    return True


def change(
    work: UnitOfWork,
    account_name: str,
    slug: str,
    *,
    new_slug: str | None = None,
    project: str | None = None,
    **fields: Unpack[RepositoryFields],
) -> Repository:
    """Change the given fields of a repository.

    With another slug, the old one stops resolving, and what is set on the repository stays. `project` moves it to
    another project of the account, into which the actor may put repositories. Raises Invalid, Conflict, NotFound.
    """
    owner, before = access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)
    home = project_rows.by_id(work.tx, owner.id, before.project_id)
    assert home is not None
    after, new_home = _with_fields(before, fields), home
    if new_slug is not None:
        after = replace(after, slug=repositories.check_slug(new_slug))
    if project is not None:
        _, new_home = access.project(work, owner.id, project, to=To.ADD_REPOSITORY)
        after = replace(after, project_id=new_home.id)
    if after == before:
        return before

    moves = new_home.id != home.id
    with pending_invitations.settling(work, owner, repository=before) if moves else nullcontext():
        repository_rows.change(work.tx, after, at=work.at)

        was, now = repository_facts(before, home), repository_facts(after, new_home)
        work.record(Event.REPOSITORY_CHANGED, owner, before.slug, before=was, after=now)
    return after


def check_changeable(work: UnitOfWork, account_name: str, slug: str) -> None:
    """Check that the actor may change a repository. Raises NotFound, Forbidden."""
    access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)


def slug_for_name(work: UnitOfWork, account_name: str, slug: str, new_name: str | None) -> str | None:
    """Return the slug that a repository gets with a new name; None if it keeps its own.

    It keeps one that doesn't follow from its present name.
    """
    if new_name is None:
        return None
    _, repository = access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)
    follows = slugs.slugify(repository.name) == slug
    return slugs.slugify(new_name) if follows and new_name != repository.name else None


def delete(work: UnitOfWork, account_name: str, slug: str) -> None:
    """Delete a repository with its privileges and pending invitations; requests for it stay with who asked."""
    owner, repository = access.repository(work, account_name, slug, to=To.DELETE_REPOSITORY)
    home = project_rows.by_id(work.tx, owner.id, repository.project_id)
    assert home is not None
    grants = privilege_rows.grants(work.tx, owner.id).get(repository.slug)
    lost = repository_facts(repository, home) | {
        "groups": {slug: level.word for slug, level in grants.groups.items()} if grants else {},
        "users": {name: level.word for name, level in grants.people.items()} if grants else {},
    }

    for invitation in invitation_rows.of_account(work.tx, owner.id):
        if invitation.repository_slug == repository.slug:
            invitation_rows.remove(work.tx, invitation)
            work.record(Event.INVITATION_WITHDRAWN, owner, invitation.email, before={"repository": repository.slug})
    access_request_rows.forget_repository(work.tx, owner.id, repository.id)
    privilege_rows.remove_on_repository(work.tx, owner.id, repository.id)
    repository_rows.delete_repository(work.tx, repository)

    work.record(Event.REPOSITORY_DELETED, owner, repository.slug, before=lost)


def visible(
    work: UnitOfWork, account_name: str, query: ListQuery, *, least: Level | None = None
) -> tuple[list[RepositoryDetails], int]:
    """Return the part of an account's repositories that a query wants, and how many pass its filter.

    Only those that the actor can see, or has at least `least` on; public ones count as seen. Raises NotFound.
    """
    owner = access.account(work, account_name, to=To.SEE_PROFILE)
    if access.administers(work, owner):
        found, size = repository_lists.all_of_account(work.tx, owner.id, query)
    elif work.actor.id is not None:
        found, size = repository_lists.visible(work.tx, owner.id, work.actor.id, query, least=least)
    else:
        raise Forbidden("sign in first")
    return [RepositoryDetails(owner, each.repository, each.project, *each.times) for each in found], size


def visible_everywhere(
    work: UnitOfWork, query: ListQuery, *, least: Level | None = None
) -> tuple[list[RepositoryDetails], int]:
    """Like `visible`, of all accounts. Raises Forbidden when the caller is anonymous."""
    person = access.oneself(work, to=To.SEE_PROFILE)
    found, size = repository_lists.seen_everywhere(work.tx, person, query, least=least)
    return [RepositoryDetails(owner, each.repository, each.project, *each.times) for owner, each in found], size


def listed(work: UnitOfWork, account_name: str, query: ListQuery) -> tuple[list[RepositoryDetails], int]:
    """Return the part of an account's repositories that a query wants, by slug; for its administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    found, size = repository_lists.all_of_account(work.tx, owner.id, query)
    return [RepositoryDetails(owner, each.repository, each.project, *each.times) for each in found], size


def of_account(work: UnitOfWork, account_name: str) -> list[Repository]:
    """List an account's repositories by slug, for its administrators."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return repository_rows.of_account(work.tx, owner.id)


def _with_fields(repository: Repository, fields: RepositoryFields) -> Repository:
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    checked = {name: _CHECKS[name](value) for name, value in given.items() if name in _CHECKS}
    return replace(repository, **(given | checked))


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "name": repositories.check_name,
    "description": repositories.check_description,
    "language": repositories.check_language,
    "mainbranch": repositories.check_branch,
}
