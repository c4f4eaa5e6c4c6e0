"""Repositories in the database."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, select, tuple_, update

from onebucket.domain.projects import Project
from onebucket.domain.refusals import Conflict
from onebucket.domain.repositories import ForkPolicy, Repository
from onebucket.store import project_rows
from onebucket.store.engine import bounded_reads, timestamps
from onebucket.store.engine.index_hints import without_index
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.project_rows import PROJECT
from onebucket.store.tables import Id, projects, repositories


def _repository(row: Sequence[Any]) -> Repository:
    account_id, id, slug, name, project_id, is_private, description, fork_policy, language, *flags, branch = row
    issues, wiki, merge_strategy, branching_model = map(bool, flags)
    return Repository(
        account_id,
        id,
        slug,
        name,
        project_id,
        bool(is_private),
        description,
        _FORK_POLICIES[fork_policy],
        language,
        issues,
        wiki,
        branch,
        merge_strategy,
        branching_model,
    )


_FORK_POLICIES = {policy.value: policy for policy in ForkPolicy}
REPOSITORY = RowMapper(
    (
        repositories.c.account_id,
        repositories.c.id,
        repositories.c.slug,
        repositories.c.name,
        repositories.c.project_id,
        repositories.c.is_private,
        repositories.c.description,
        repositories.c.fork_policy,
        repositories.c.language,
        repositories.c.has_issues,
        repositories.c.has_wiki,
        repositories.c.has_inherited_merge_strategy,
        repositories.c.has_inherited_branching_model,
        repositories.c.mainbranch,
    ),
    _repository,
)
# When a repository was created and changed last.
TIMES = joined(
    scalar(repositories.c.created_at, timestamps.from_number), scalar(repositories.c.updated_at, timestamps.from_number)
)
_WITH_TIMES = joined(REPOSITORY, TIMES)

_repositories = select(*REPOSITORY.columns)
_OF_ACCOUNT = repositories.c.account_id == bindparam("account_id")
_BY_SLUG = Statement(
    _repositories.where(_OF_ACCOUNT, repositories.c.slug == bindparam("slug")), REPOSITORY, is_cached=True
)
# Compared as one tuple: otherwise SQLite scans the whole account.
_each = values_of("slugs").add_columns(bindparam("account_id", type_=Id))
_AMONG = Statement(
    _repositories.where(
        tuple_(repositories.c.slug, repositories.c.account_id).in_(_each),
        without_index(repositories.c.account_id) == bindparam("account_id"),
    ),
    REPOSITORY,
)
_all = _repositories.where(_OF_ACCOUNT).order_by(repositories.c.slug)
_ALL, _FEW = Statement(_all, REPOSITORY), Statement(_all.limit(bounded_reads.ROW_LIMIT), REPOSITORY)
_dated = select(*_WITH_TIMES.columns).where(_OF_ACCOUNT).order_by(repositories.c.slug)
_DATED, _FEW_DATED = Statement(_dated, _WITH_TIMES), Statement(_dated.limit(bounded_reads.ROW_LIMIT), _WITH_TIMES)
_HOME_AND_TIMES = joined(PROJECT, TIMES)
_HOME = Statement(
    select(*_HOME_AND_TIMES.columns)
    .select_from(repositories)
    .join(
        projects, and_(projects.c.account_id == repositories.c.account_id, projects.c.id == repositories.c.project_id)
    )
    .where(_OF_ACCOUNT, repositories.c.id == bindparam("repository_id")),
    _HOME_AND_TIMES,
)
_ADD = Statement(insert(repositories))
_CHANGED = (*(column for column in REPOSITORY.columns if not column.primary_key), repositories.c.updated_at)
_CHANGE = Statement(
    update(repositories)
    .where(_OF_ACCOUNT, repositories.c.id == bindparam("repository_id"))
    .values({column.name: bindparam(f"new_{column.name}") for column in _CHANGED})
)
_DELETE = Statement(delete(repositories).where(_OF_ACCOUNT, repositories.c.id == bindparam("repository_id")))


def find(tx: Transaction, account_id: str, slug: str) -> Repository | None:
    """Return the account's repository with that slug; case counts."""
    return tx.row(_BY_SLUG, account_id=account_id, slug=slug)


def cache_found(tx: Transaction, account_id: str, slug: str, found: Repository | None) -> None:
    """Cache what `find` returns."""
    tx.cache_row(_BY_SLUG, found, account_id=account_id, slug=slug)


def among(tx: Transaction, account_id: str, slugs: Iterable[str]) -> dict[str, Repository]:
    """Return the account's repositories with these slugs, by the slug; slugs without a repository are left out."""
    wanted = {*slugs}
    if len(wanted) == 1:
        [slug] = wanted
        found = find(tx, account_id, slug)
        return {} if found is None else {slug: found}
    return {repository.slug: repository for repository in tx.rows(_AMONG, account_id=account_id, slugs=wanted)}


def of_account(tx: Transaction, account_id: str) -> list[Repository]:
    """Return all repositories of an account, sorted by slug."""
    return tx.rows(_ALL, account_id=account_id)


def each_of_account(tx: Transaction, account_id: str) -> Iterator[Repository]:
    """Iterate over all repositories of an account, by slug; read them lazily in a streaming transaction.

    Raises ResultTooLarge in a bounded one.
    """
    return iter(bounded_reads.iterate(tx, _ALL, _FEW, account_id=account_id))


def dated(tx: Transaction, account_id: str) -> list[tuple[Repository, tuple[datetime, datetime]]]:
    """Return all repositories of an account by slug, with their creation and update times. Raises ResultTooLarge."""
    return bounded_reads.fetch_bounded(tx, _DATED, _FEW_DATED, account_id=account_id)


def home_and_times(tx: Transaction, repository: Repository) -> tuple[Project, datetime, datetime]:
    """Return a repository's project, and when the repository was created and changed last.

    The project is then found by its key without another query.
    """
    found = tx.row(_HOME, account_id=repository.account_id, repository_id=repository.id)
    assert found is not None
    project, times = found
    project_rows.cache_found(tx, project)
    return project, *times


def _columns(repository: Repository) -> dict[str, Any]:
    return {
        "slug": repository.slug,
        "name": repository.name,
        "project_id": repository.project_id,
        "is_private": repository.is_private,
        "description": repository.description,
        "fork_policy": repository.fork_policy.value,
        "language": repository.language,
        "has_issues": repository.has_issues,
        "has_wiki": repository.has_wiki,
        "mainbranch": repository.mainbranch,
        "has_inherited_merge_strategy": repository.has_inherited_merge_strategy,
        "has_inherited_branching_model": repository.has_inherited_branching_model,
    }


def add(tx: Transaction, repository: Repository, *, at: datetime) -> None:
    """Store a new repository. Raises Conflict when the account has one with that slug."""
    _require_free(tx, repository)
    tx.run(
        _ADD,
        account_id=repository.account_id,
        id=repository.id,
        created_at=timestamps.to_number(at),
        updated_at=timestamps.to_number(at),
        **_columns(repository),
    )


def change(tx: Transaction, repository: Repository, *, at: datetime) -> None:
    """Update a repository. Raises Conflict when another one has its new slug."""
    _require_free(tx, repository)
    columns = {f"new_{name}": value for name, value in _columns(repository).items()}
    tx.run(
        _CHANGE,
        account_id=repository.account_id,
        repository_id=repository.id,
        new_updated_at=timestamps.to_number(at),
        **columns,
    )


def _require_free(tx: Transaction, repository: Repository) -> None:
    other = find(tx, repository.account_id, repository.slug)
    if other is not None and other.id != repository.id:
        raise Conflict(f"the account has a repository {repository.slug!r} already")


def delete_repository(tx: Transaction, repository: Repository) -> None:
    """Delete a repository; everything that refers to it must be gone already."""
    tx.run(_DELETE, account_id=repository.account_id, repository_id=repository.id)
