"""Repositories, as the objects of privileges: add, change, delete and list them. They hold no code here."""

from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import repositories
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.repositories import Repository
from onebucket.store import invitation_rows, privilege_rows, repository_rows
from onebucket.store.journal_rows import Facts


def add(
    work: UnitOfWork,
    account_name: str,
    slug: str,
    *,
    name: str | None = None,
    is_private: bool = True,
    description: str = "",
) -> Repository:
    """Add a repository, private by default. Raises Invalid, Conflict."""
    owner = access.account(work, account_name, to=To.ADD_REPOSITORY)
    repository = Repository(
        account_id=owner.id,
        id=work.new_id(),
        slug=repositories.check_slug(slug),
        name=repositories.check_name(name or slug),
        is_private=is_private,
        description=repositories.check_description(description),
    )

    repository_rows.add(work.tx, repository, at=work.at)

    work.record(Event.REPOSITORY_ADDED, owner, repository.slug, after=_facts(repository))
    return repository


def change(
    work: UnitOfWork,
    account_name: str,
    slug: str,
    *,
    name: str | None = None,
    is_private: bool | None = None,
    description: str | None = None,
) -> Repository:
    """Change the given fields of a repository. Raises Invalid."""
    owner, before = access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)
    after = before
    if name is not None:
        after = replace(after, name=repositories.check_name(name))
    if is_private is not None:
        after = replace(after, is_private=is_private)
    if description is not None:
        after = replace(after, description=repositories.check_description(description))
    if after == before:
        return before

    repository_rows.change(work.tx, after, at=work.at)

    work.record(Event.REPOSITORY_CHANGED, owner, after.slug, before=_facts(before), after=_facts(after))
    return after


def delete(work: UnitOfWork, account_name: str, slug: str) -> None:
    """Delete a repository with its privileges and pending invitations."""
    owner, repository = access.repository(work, account_name, slug, to=To.DELETE_REPOSITORY)
    grants = privilege_rows.grants(work.tx, owner.id).get(repository.slug)
    lost = _facts(repository) | {
        "groups": {slug: level.word for slug, level in grants.groups.items()} if grants else {},
        "users": {name: level.word for name, level in grants.people.items()} if grants else {},
    }

    for invitation in invitation_rows.of_account(work.tx, owner.id):
        if invitation.repository_slug == repository.slug:
            invitation_rows.remove(work.tx, invitation)
            work.record(Event.INVITATION_WITHDRAWN, owner, invitation.email, before={"repository": repository.slug})
    privilege_rows.remove_on_repository(work.tx, owner.id, repository.id)
    repository_rows.delete_repository(work.tx, repository)

    work.record(Event.REPOSITORY_DELETED, owner, repository.slug, before=lost)


def of_account(work: UnitOfWork, account_name: str) -> list[Repository]:
    """List an account's repositories by slug, for its administrators."""
    owner = access.account(work, account_name, to=To.ADD_REPOSITORY)
    return repository_rows.of_account(work.tx, owner.id)


def _facts(repository: Repository) -> Facts:
    return {
        "slug": repository.slug,
        "name": repository.name,
        "is_private": repository.is_private,
        "description": repository.description,
    }
