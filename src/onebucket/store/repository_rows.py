"""Repositories in the database."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from onebucket.domain.refusals import Conflict
from onebucket.domain.repositories import Repository
from onebucket.store.engine import bounded_reads, timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.index_hints import without_index
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import Id, repositories

COLUMNS = (
    repositories.c.account_id,
    repositories.c.id,
    repositories.c.slug,
    repositories.c.name,
    repositories.c.is_private,
    repositories.c.description,
)
_OF_ACCOUNT = repositories.c.account_id == bindparam("account_id")
_BY_SLUG = Statement(select(*COLUMNS).where(_OF_ACCOUNT, repositories.c.slug == bindparam("slug")))
# Compared as one tuple: otherwise SQLite scans the whole account.
_each = values_of("slugs").add_columns(bindparam("account_id", type_=Id))
_AMONG = Statement(
    select(*COLUMNS).where(
        tuple_(repositories.c.slug, repositories.c.account_id).in_(_each),
        without_index(repositories.c.account_id) == bindparam("account_id"),
    )
)
_all = select(*COLUMNS).where(_OF_ACCOUNT).order_by(repositories.c.slug)
_ALL, _FEW = Statement(_all), Statement(_all.limit(bounded_reads.ROW_LIMIT))
_dated = select(*COLUMNS, repositories.c.created_at, repositories.c.updated_at).where(_OF_ACCOUNT)
_dated = _dated.order_by(repositories.c.slug)
_DATED, _FEW_DATED = Statement(_dated), Statement(_dated.limit(bounded_reads.ROW_LIMIT))
_ADD = Statement(insert(repositories))
_CHANGE = Statement(
    update(repositories)
    .where(_OF_ACCOUNT, repositories.c.id == bindparam("repository_id"))
    .values({name: bindparam(f"new_{name}") for name in ("slug", "name", "is_private", "description", "updated_at")})
)
_DELETE = Statement(delete(repositories).where(_OF_ACCOUNT, repositories.c.id == bindparam("repository_id")))


def repository(row: Row) -> Repository:
    """Return the repository in the first six columns of a row."""
    return Repository(row[0], row[1], row[2], row[3], bool(row[4]), row[5])


def find(tx: Transaction, account_id: str, slug: str) -> Repository | None:
    """Return the account's repository with that slug; case counts."""
    return tx.cached_row(_BY_SLUG, repository, account_id=account_id, slug=slug)


def among(tx: Transaction, account_id: str, slugs: Iterable[str]) -> dict[str, Repository]:
    """Return the account's repositories with these slugs, by the slug; slugs without a repository are left out."""
    rows = tx.rows(_AMONG, account_id=account_id, slugs=slugs)
    return {row[2]: repository(row) for row in rows}


def of_account(tx: Transaction, account_id: str) -> list[Repository]:
    """Return all repositories of an account, sorted by slug."""
    return [repository(row) for row in tx.rows(_ALL, account_id=account_id)]


def each_of_account(tx: Transaction, account_id: str) -> Iterator[Repository]:
    """Iterate over all repositories of an account, by slug; read them lazily in a streaming transaction.

    Raises ResultTooLarge in a bounded one.
    """
    return map(repository, bounded_reads.iterate(tx, _ALL, _FEW, account_id=account_id))


def dated(tx: Transaction, account_id: str) -> list[tuple[Repository, tuple[datetime, datetime]]]:
    """Return all repositories of an account by slug, with their creation and update times. Raises ResultTooLarge."""
    rows = bounded_reads.fetch_bounded(tx, _DATED, _FEW_DATED, account_id=account_id)
    return [(repository(row), (timestamps.from_number(row[6]), timestamps.from_number(row[7]))) for row in rows]


def _columns(repository: Repository) -> dict[str, Any]:
    return {
        "slug": repository.slug,
        "name": repository.name,
        "is_private": repository.is_private,
        "description": repository.description,
    }


def add(tx: Transaction, repository: Repository, *, at: datetime) -> None:
    """Store a new repository. Raises Conflict when the account has one with that slug."""
    if find(tx, repository.account_id, repository.slug):
        raise Conflict(f"the account has a repository {repository.slug!r} already")
    tx.run(
        _ADD,
        account_id=repository.account_id,
        id=repository.id,
        created_at=timestamps.to_number(at),
        updated_at=timestamps.to_number(at),
        **_columns(repository),
    )


def change(tx: Transaction, repository: Repository, *, at: datetime) -> None:
    """Update a repository."""
    columns = {f"new_{name}": value for name, value in _columns(repository).items()}
    tx.run(
        _CHANGE,
        account_id=repository.account_id,
        repository_id=repository.id,
        new_updated_at=timestamps.to_number(at),
        **columns,
    )


def delete_repository(tx: Transaction, repository: Repository) -> None:
    """Delete a repository; everything that refers to it must be gone already."""
    tx.run(_DELETE, account_id=repository.account_id, repository_id=repository.id)
