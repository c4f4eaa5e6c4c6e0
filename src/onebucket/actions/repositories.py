"""Repositories: adding, changing and deleting what privileges are about."""

from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain import repositories as domain
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.repositories import Repository
from onebucket.store import invitations, privileges, repositories
from onebucket.store.journal import Facts


def add(
    work: Work,
    account_name: str,
    slug: str,
    *,
    name: str | None = None,
    is_private: bool = True,
    description: str = "",
) -> Repository:
    """Add a repository, private unless told otherwise. Raises Invalid, Conflict."""
    owner = access.account(work, account_name, to=To.ADD_REPOSITORY)
    repository = Repository(
        account_id=owner.id,
        id=work.new_id(),
        slug=domain.checked_slug(slug),
        name=domain.name_of(name or slug),
        is_private=is_private,
        description=domain.description_of(description),
    )

    repositories.add(work.tx, repository, at=work.at)

    work.tell(Event.REPOSITORY_ADDED, owner, repository.slug, after=_facts(repository))
    return repository


def change(
    work: Work,
    account_name: str,
    slug: str,
    *,
    name: str | None = None,
    is_private: bool | None = None,
    description: str | None = None,
) -> Repository:
    """Change what is given of a repository. Raises Invalid."""
    owner, before = access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)
    after = before
    if name is not None:
        after = replace(after, name=domain.name_of(name))
    if is_private is not None:
        after = replace(after, is_private=is_private)
    if description is not None:
        after = replace(after, description=domain.description_of(description))
    if after == before:
        return before

    repositories.change(work.tx, after, at=work.at)

    work.tell(Event.REPOSITORY_CHANGED, owner, after.slug, before=_facts(before), after=_facts(after))
    return after


def delete(work: Work, account_name: str, slug: str) -> None:
    """Delete a repository with everything that was set on it."""
    owner, repository = access.repository(work, account_name, slug, to=To.DELETE_REPOSITORY)
    grants = privileges.grants(work.tx, owner.id).get(repository.slug)
    lost = _facts(repository) | {
        "groups": {slug: level.word for slug, level in grants.groups.items()} if grants else {},
        "users": {name: level.word for name, level in grants.people.items()} if grants else {},
    }

    for invitation in invitations.of_account(work.tx, owner.id):
        if invitation.repository_slug == repository.slug:
            invitations.remove(work.tx, invitation)
            work.tell(Event.INVITATION_WITHDRAWN, owner, invitation.email, before={"repository": repository.slug})
    privileges.remove_on_repository(work.tx, owner.id, repository.id)
    repositories.delete_repository(work.tx, repository)

    work.tell(Event.REPOSITORY_DELETED, owner, repository.slug, before=lost)


def of_account(work: Work, account_name: str) -> list[Repository]:
    """An account's repositories, by slug."""
    owner = access.account(work, account_name, to=To.ADD_REPOSITORY)
    return repositories.of_account(work.tx, owner.id)


def _facts(repository: Repository) -> Facts:
    return {
        "slug": repository.slug,
        "name": repository.name,
        "is_private": repository.is_private,
        "description": repository.description,
    }
