"""Repositories that a person can see or has a level on: filtered, sorted and read page by page."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select

from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project
from onebucket.domain.repositories import Repository
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.row_mapper import joined
from onebucket.store.engine.transaction import Transaction
from onebucket.store.project_rows import PROJECT
from onebucket.store.repository_levels import ACCOUNT_ID, LEVELS, PersonLevels
from onebucket.store.repository_rows import REPOSITORY, TIMES
from onebucket.store.tables import accounts, projects, repositories


class ListedRepository(NamedTuple):
    """A repository, its project, and when it was created and changed last."""

    repository: Repository
    project: Project
    times: tuple[datetime, datetime]


_LISTED = joined(REPOSITORY, PROJECT, TIMES, make=ListedRepository)
_OWNED = joined(ACCOUNT, _LISTED)

_in_project = and_(projects.c.account_id == repositories.c.account_id, projects.c.id == repositories.c.project_id)
_owned = accounts.c.id == repositories.c.account_id


def _columns(username: ColumnElement[str], account_id: ColumnElement[str]) -> dict[str, ColumnElement[Any]]:
    """Return what repositories can be filtered and sorted by."""

    def of_project(column: ColumnElement[Any]) -> ColumnElement[Any]:
        # A subquery, not a join: repositories are counted without it.
        is_its_project = projects.c.account_id == account_id, projects.c.id == repositories.c.project_id
        return select(column).where(*is_its_project).correlate(repositories).scalar_subquery()

    return {
        "id": repositories.c.id,
        "name": repositories.c.name,
        "folded name": func.lower(repositories.c.name),
        "slug": repositories.c.slug,
        "full_name": username + "/" + repositories.c.slug,
        "description": repositories.c.description,
        "language": repositories.c.language,
        "fork_policy": repositories.c.fork_policy,
        "is_private": repositories.c.is_private,
        "has_issues": repositories.c.has_issues,
        "has_wiki": repositories.c.has_wiki,
        "project_key": of_project(projects.c.key),
        "project_name": of_project(projects.c.name),
        "project_id": repositories.c.project_id,
        "created_at": repositories.c.created_at,
        "updated_at": repositories.c.updated_at,
    }


_username = select(accounts.c.username).where(accounts.c.id == ACCOUNT_ID).scalar_subquery()
_COLUMNS = _columns(_username, ACCOUNT_ID)
_COLUMNS_EVERYWHERE = _columns(accounts.c.username, repositories.c.account_id)


def _in_account(*condition: ColumnElement[bool]) -> FilteredSelect[ListedRepository]:
    found = select(repositories.c.id).where(repositories.c.account_id == ACCOUNT_ID, *condition)
    query = found.join(projects, _in_project).with_only_columns(*_LISTED.columns)
    return FilteredSelect(query, _LISTED, _COLUMNS, unique=(repositories.c.slug,), counted=found)


def _everywhere(*condition: ColumnElement[bool]) -> FilteredSelect[tuple[Account, ListedRepository]]:
    found = select(repositories.c.id).join(accounts, _owned).where(*condition)
    query = found.join(projects, _in_project).with_only_columns(*_OWNED.columns)
    return FilteredSelect(query, _OWNED, _COLUMNS_EVERYWHERE, unique=_FULL_NAME, counted=found)


_FULL_NAME = (accounts.c.username_key, repositories.c.slug)
_there, _anywhere = PersonLevels(in_account=True), PersonLevels(in_account=False)
_is_public = repositories.c.is_private.is_(False)
_ALL, _ALL_EVERYWHERE = _in_account(), _everywhere()
# What is seen, and by the level that is wanted.
_VISIBLE = {"seen": _in_account(or_(_is_public, _there.has(Level.READ)))} | {
    level.word: _in_account(_there.has(level)) for level in LEVELS
}
_VISIBLE_EVERYWHERE = {"seen": _everywhere(or_(_is_public, _anywhere.administers(), _anywhere.has(Level.READ)))} | {
    level.word: _everywhere(_anywhere.is_in_account(), or_(_anywhere.administers(), _anywhere.has(level)))
    for level in LEVELS
}


def all_of_account(tx: Transaction, account_id: str, query: ListQuery) -> tuple[list[ListedRepository], int]:
    """Return the part of an account's repositories that a query wants, by slug, and how many pass its filter."""
    return _ALL.read(tx, query, account_id=account_id)


def visible(
    tx: Transaction, account_id: str, person_id: str, query: ListQuery, *, least: Level | None
) -> tuple[list[ListedRepository], int]:
    """Return the part of the repositories on which a person has at least that level, through whatever but the account.

    Without a level, all public ones are in it too.
    """
    listed = _VISIBLE[least.word if least else "seen"]
    return listed.read(tx, query, account_id=account_id, person_id=person_id)


def seen_everywhere(
    tx: Transaction, person: Account, query: ListQuery, *, least: Level | None
) -> tuple[list[tuple[Account, ListedRepository]], int]:
    """Return the part of the repositories of all accounts that a query wants, by full name, each with its account.

    Only those on which the person has at least that level or, without one, all that they see.
    """
    if person.site_admin:
        return _ALL_EVERYWHERE.read(tx, query)
    return _VISIBLE_EVERYWHERE[least.word if least else "seen"].read(tx, query, person_id=person.id)
