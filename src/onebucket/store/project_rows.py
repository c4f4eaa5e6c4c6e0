"""Projects in the database."""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from onebucket.domain.projects import Project, normal_key
from onebucket.domain.refusals import Conflict
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import Row, RowMapper
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import projects, repositories


def _project(row: Row) -> Project:
    account_id, id, key, name, description, is_private, created_at, updated_at = row
    return Project(
        account_id,
        id,
        key,
        name,
        description,
        bool(is_private),
        timestamps.from_number(created_at),
        timestamps.from_number(updated_at),
    )


PROJECT = RowMapper(
    (
        projects.c.account_id,
        projects.c.id,
        projects.c.key,
        projects.c.name,
        projects.c.description,
        projects.c.is_private,
        projects.c.created_at,
        projects.c.updated_at,
    ),
    _project,
)
_OF_ACCOUNT = projects.c.account_id == bindparam("account_id")
_THIS = (_OF_ACCOUNT, projects.c.id == bindparam("project_id"))
_projects = select(*PROJECT.columns).where(_OF_ACCOUNT)
_BY_KEY = Statement(_projects.where(projects.c.key == bindparam("key")), PROJECT, is_cached=True)
_BY_ID = Statement(select(*PROJECT.columns).where(*_THIS), PROJECT, is_cached=True)
_ALL = Statement(_projects.order_by(projects.c.key), PROJECT)
_oldest_first = _projects.order_by(projects.c.created_at, projects.c.id)
_OLDEST_FIRST, _OLDEST = Statement(_oldest_first, PROJECT), Statement(_oldest_first.limit(1), PROJECT)
_sizes = (
    select(repositories.c.project_id, func.count(), func.count().filter(repositories.c.is_private.is_(False)))
    .where(repositories.c.account_id == bindparam("account_id"))
    .group_by(repositories.c.project_id)
)
_SIZES = Statement(_sizes)
_SIZE_OF_ONE = Statement(_sizes.where(repositories.c.project_id == bindparam("project_id")))
_ADD = Statement(insert(projects))
_CHANGED = ("key", "name", "description", "is_private", "updated_at")
_CHANGE = Statement(update(projects).where(*_THIS).values({name: bindparam(f"new_{name}") for name in _CHANGED}))
_DELETE = Statement(delete(projects).where(*_THIS))


def find(tx: Transaction, account_id: str, key: str) -> Project | None:
    """Return the account's project with that key, in any case."""
    return tx.row(_BY_KEY, account_id=account_id, key=normal_key(key))


def cache_found(tx: Transaction, project: Project) -> None:
    """Cache a project for `find`."""
    tx.cache_row(_BY_KEY, project, account_id=project.account_id, key=project.key)


def by_id(tx: Transaction, account_id: str, id: str) -> Project | None:
    """Return the account's project with that id."""
    return tx.row(_BY_ID, account_id=account_id, project_id=id)


def oldest(tx: Transaction, account_id: str) -> Project | None:
    """Return the account's first project; None if it has none."""
    return tx.row(_OLDEST, account_id=account_id)


def of_account(tx: Transaction, account_id: str) -> list[Project]:
    """Return all projects of an account, sorted by key."""
    return tx.rows(_ALL, account_id=account_id)


def oldest_first(tx: Transaction, account_id: str) -> list[Project]:
    """Return all projects of an account, the oldest first."""
    return tx.rows(_OLDEST_FIRST, account_id=account_id)


def repository_counts(tx: Transaction, account_id: str, project_id: str | None = None) -> dict[str, tuple[int, int]]:
    """Return how many repositories each project of an account has, or one, and how many of them are public, by id.

    Projects without repositories are left out.
    """
    rows = (
        tx.rows(_SIZES, account_id=account_id)
        if project_id is None
        else tx.rows(_SIZE_OF_ONE, account_id=account_id, project_id=project_id)
    )
    return {id: (number, public) for id, number, public in rows}


def _columns(project: Project) -> dict[str, Any]:
    return {
        "key": project.key,
        "name": project.name,
        "description": project.description,
        "is_private": project.is_private,
        "updated_at": timestamps.to_number(project.updated_at),
    }


def add(tx: Transaction, project: Project) -> None:
    """Store a new project. Raises Conflict when the account has one with that key."""
    _require_free(tx, project)
    created_at = timestamps.to_number(project.created_at)
    tx.run(_ADD, account_id=project.account_id, id=project.id, created_at=created_at, **_columns(project))


def change(tx: Transaction, project: Project) -> None:
    """Update a project. Raises Conflict when another one has its new key."""
    _require_free(tx, project)
    columns = {f"new_{name}": value for name, value in _columns(project).items()}
    tx.run(_CHANGE, account_id=project.account_id, project_id=project.id, **columns)


def delete_project(tx: Transaction, project: Project) -> None:
    """Delete a project; everything that refers to it must be gone already."""
    tx.run(_DELETE, account_id=project.account_id, project_id=project.id)


def _require_free(tx: Transaction, project: Project) -> None:
    other = find(tx, project.account_id, project.key)
    if other is not None and other.id != project.id:
        raise Conflict(f"the account has a project {project.key} already")
