"""What a person holds: levels that they were given themselves in all accounts, and how many credentials they have."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, cast, distinct, func, null, select, union_all

from onebucket.domain.oauth import TokenKind
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.repositories import Repository
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, named, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.repository_rows import REPOSITORY
from onebucket.store.tables import (
    Id,
    issued,
    privileges,
    project_privileges,
    projects,
    repositories,
    sessions,
    ssh_keys,
    tokens,
)


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody was given themselves in an account: on repositories, by slug, and on projects, by key."""

    repositories: list[tuple[Repository, Level]] = field(default_factory=list)
    projects: dict[str, ProjectLevel] = field(default_factory=dict)


class CredentialCounts(NamedTuple):
    """How many credentials of each kind somebody has."""

    app_passwords: int
    oauth_apps: int
    ssh_keys: int
    sessions: int


_given = union_all(
    select(
        privileges.c.account_id,
        privileges.c.repository_id,
        cast(null(), Id).label("project_id"),
        privileges.c.level,
    ).where(privileges.c.person_id == bindparam("person_id")),
    select(
        project_privileges.c.account_id, cast(null(), Id), project_privileges.c.project_id, project_privileges.c.level
    ).where(project_privileges.c.person_id == bindparam("person_id")),
).subquery("given")
_GIVEN = joined(scalar(_given.c.account_id, str), REPOSITORY.optional, scalar(projects.c.key), scalar(_given.c.level))
_GIVEN_ANYWHERE = Statement(
    select(*_GIVEN.columns)
    .select_from(
        _given.outerjoin(
            repositories,
            and_(repositories.c.account_id == _given.c.account_id, repositories.c.id == _given.c.repository_id),
        ).outerjoin(projects, and_(projects.c.account_id == _given.c.account_id, projects.c.id == _given.c.project_id))
    )
    .order_by(repositories.c.slug, projects.c.key),
    _GIVEN,
)


def _number(of: FromClause, *condition: ColumnElement[bool]) -> ColumnElement[int]:
    of_account = of.c.account_id == bindparam("account_id")
    return select(func.count()).select_from(of).where(of_account, *condition).scalar_subquery()


_COUNTS = named(
    CredentialCounts,
    _number(tokens),
    select(func.count(distinct(issued.c.family_id)))
    .where(
        issued.c.account_id == bindparam("account_id"),
        issued.c.kind != TokenKind.ACCESS.value,
        issued.c.spent_at.is_(None),
    )
    .scalar_subquery(),
    _number(ssh_keys),
    _number(sessions, sessions.c.expires_at > bindparam("at")),
)
_COUNT = Statement(select(*_COUNTS.columns), _COUNTS)


def given_anywhere(tx: Transaction, person_id: str) -> dict[str, Given]:
    """Return what somebody was given themselves, by the account's id; accounts with nothing are left out."""
    found: dict[str, Given] = {}
    for account_id, repository, key, level in tx.rows(_GIVEN_ANYWHERE, person_id=person_id):
        given = found.setdefault(account_id, Given())
        if repository is not None:
            given.repositories.append((repository, Level(level)))
        else:
            given.projects[key] = ProjectLevel(level)
    return found


def count_credentials(tx: Transaction, person_id: str, *, at: datetime) -> CredentialCounts:
    """Return how many credentials somebody has; sessions that have expired by then are left out."""
    counts = tx.row(_COUNT, account_id=person_id, at=timestamps.to_number(at))
    assert counts is not None
    return counts
