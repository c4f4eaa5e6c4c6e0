"""The names beside one that isn't there: a few rows of an index, whatever the number of names."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, select

from onebucket.domain.accounts import Account
from onebucket.domain.projects import Project
from onebucket.domain.suggestions import NEIGHBOURS
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.project_rows import PROJECT
from onebucket.store.tables import Id, accounts, groups, memberships, projects


def _beside(
    mapper: RowMapper[Any], name: ColumnElement[str], *where: ColumnElement[bool]
) -> tuple[Statement[Any], ...]:
    found = select(*mapper.columns).where(*where).limit(NEIGHBOURS)
    wanted: BindParameter[str] = bindparam("name")
    return (
        Statement(found.where(name >= wanted).order_by(name), mapper),
        Statement(found.where(name < wanted).order_by(name.desc()), mapper),
    )


_GROUPS = _beside(scalar(groups.c.slug), groups.c.slug, groups.c.account_id == bindparam("account_id"))
_PROJECTS = _beside(PROJECT, projects.c.key, projects.c.account_id == bindparam("account_id"))
_PEOPLE = _beside(ACCOUNT, accounts.c.username_key, accounts.c.is_team.is_(False))
_theirs = memberships.alias("theirs")
_TOGETHER = Statement(
    select(_theirs.c.person_id)
    .distinct()
    .select_from(memberships)
    .join(_theirs, _theirs.c.account_id == memberships.c.account_id)
    .where(memberships.c.person_id == bindparam("person_id"), _theirs.c.person_id.in_(values_of("people", Id)))
)


def slugs_of_groups(tx: Transaction, account_id: str, slug: str) -> list[str]:
    """Return the slugs of an account's groups that are beside another."""
    return _rows(tx, _GROUPS, account_id=account_id, name=slug)


def of_projects(tx: Transaction, account_id: str, key: str) -> list[Project]:
    """Return the projects of an account whose keys are beside another."""
    return _rows(tx, _PROJECTS, account_id=account_id, name=key)


def people(tx: Transaction, username_key: str) -> list[Account]:
    """Return the people whose usernames are beside another."""
    return _rows(tx, _PEOPLE, name=username_key)


def in_groups_with(tx: Transaction, person_id: str, people: Iterable[Account]) -> set[str]:
    """Return the ids of those of some people who are in groups of an account with a person."""
    ids = [each.id for each in people]
    return {id for (id,) in tx.rows(_TOGETHER, person_id=person_id, people=ids)}


def _rows(tx: Transaction, statements: tuple[Statement[Any], ...], **values: Any) -> list[Any]:
    return [row for statement in statements for row in tx.rows(statement, **values)]
