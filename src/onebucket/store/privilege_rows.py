"""Privileges of groups and users on repositories, in the database."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import Boolean, and_, bindparam, delete, or_, select

from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository, RepositoryGrants
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import bounded_reads
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.row_mapper import Row, joined, named, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.repository_rows import REPOSITORY
from onebucket.store.set_levels import Grant, SetLevel, level_and_end, set_or_replace
from onebucket.store.tables import accounts, group_privileges, groups, privileges, repositories

_GROUPS = Statement(
    select(repositories.c.slug, groups.c.slug, group_privileges.c.level)
    .select_from(group_privileges)
    .join(
        repositories,
        and_(
            repositories.c.account_id == group_privileges.c.account_id,
            repositories.c.id == group_privileges.c.repository_id,
        ),
    )
    .join(
        groups,
        and_(groups.c.account_id == group_privileges.c.account_id, groups.c.id == group_privileges.c.group_id),
    )
    .where(group_privileges.c.account_id == bindparam("account_id"))
    .order_by(repositories.c.slug, groups.c.slug)
)
_PEOPLE = Statement(
    select(repositories.c.slug, accounts.c.username, privileges.c.level)
    .select_from(privileges)
    .join(
        repositories,
        and_(repositories.c.account_id == privileges.c.account_id, repositories.c.id == privileges.c.repository_id),
    )
    .join(accounts, accounts.c.id == privileges.c.person_id)
    .where(privileges.c.account_id == bindparam("account_id"))
    .order_by(repositories.c.slug, accounts.c.username_key)
)


def grants(tx: Transaction, account_id: str) -> Mapping[str, RepositoryGrants]:
    """Return the privileges on each repository of an account, by the repository's slug."""
    by_slug: dict[str, RepositoryGrants] = {}
    for repository, group, level in tx.rows(_GROUPS, account_id=account_id):
        by_slug.setdefault(repository, RepositoryGrants()).groups[group] = Level(level)
    for repository, person, level in tx.rows(_PEOPLE, account_id=account_id):
        by_slug.setdefault(repository, RepositoryGrants()).people[person] = Level(level)
    return by_slug


_levels = select(group_privileges.c.repository_id, group_privileges.c.group_id, group_privileges.c.level).where(
    group_privileges.c.account_id == bindparam("account_id")
)
_LEVELS = Statement(_levels)
_LEVELS_THERE = Statement(_levels.where(group_privileges.c.repository_id == bindparam("repository_id")))
_LEVELS_OF_GROUP = Statement(_levels.where(group_privileges.c.group_id == bindparam("group_id")))
_SET = named(SetLevel, group_privileges.c.level, group_privileges.c.ends_at)
_LEVEL = Statement(
    select(*_SET.columns).where(
        group_privileges.c.account_id == bindparam("account_id"),
        group_privileges.c.repository_id == bindparam("repository_id"),
        group_privileges.c.group_id == bindparam("group_id"),
    ),
    _SET,
    is_cached=True,
)


def levels(tx: Transaction, account_id: str) -> dict[tuple[str, str], Level]:
    """Return all group privileges of an account, by the ids of repository and group."""
    return _by_ids(_rows(tx, _LEVELS, account_id=account_id))


def on_repository(tx: Transaction, account_id: str, repository_id: str) -> dict[tuple[str, str], Level]:
    """Return the group privileges on one repository, by the ids of repository and group."""
    return _by_ids(tx.rows(_LEVELS_THERE, account_id=account_id, repository_id=repository_id))


def for_group(tx: Transaction, account_id: str, group_id: str) -> dict[tuple[str, str], Level]:
    """Return the privileges of one group, by the ids of repository and group."""
    return _by_ids(_rows(tx, _LEVELS_OF_GROUP, account_id=account_id, group_id=group_id))


def _rows(tx: Transaction, statement: Statement[Row], **values: str) -> Iterable[Row]:
    # Rows take more memory than the dict made of them, so stream them where the transaction allows it.
    return tx.stream(statement, **values) if tx.read_mode is ReadMode.STREAMED else tx.rows(statement, **values)


def _by_ids(rows: Iterable[Row]) -> dict[tuple[str, str], Level]:
    return {(repository_id, group_id): Level(level) for repository_id, group_id, level in rows}


def level_query(account_id: str, repository_id: str, group_id: str) -> Query:
    """Return the query that `level` makes, for `Transaction.preload`."""
    return _LEVEL, {"account_id": account_id, "repository_id": repository_id, "group_id": group_id}


def level(tx: Transaction, account_id: str, repository_id: str, group_id: str) -> Level | None:
    """Return a group's privilege on a repository, or None if none is set."""
    return set_level(tx, account_id, repository_id, group_id)[0]


def set_level(
    tx: Transaction, account_id: str, repository_id: str, group_id: str
) -> tuple[Level | None, datetime | None]:
    """Return a group's privilege on a repository, and when it ends; None for both if none is set."""
    return level_and_end(tx.row(_LEVEL, account_id=account_id, repository_id=repository_id, group_id=group_id))


_GRANT = joined(REPOSITORY, ACCOUNT, scalar(privileges.c.level, Level))
_direct = (
    select(*_GRANT.columns)
    .select_from(privileges)
    .join(
        repositories,
        and_(repositories.c.account_id == privileges.c.account_id, repositories.c.id == privileges.c.repository_id),
    )
    .join(accounts, accounts.c.id == privileges.c.person_id)
    .where(privileges.c.account_id == bindparam("account_id"), privileges.c.level >= bindparam("least"))
    .order_by(repositories.c.slug, accounts.c.username_key)
)
_anywhere = _direct.where(or_(repositories.c.is_private, bindparam("private", type_=Boolean).is_(False)))
_GIVEN, _FEW_GIVEN = Statement(_anywhere, _GRANT), Statement(_anywhere.limit(bounded_reads.ROW_LIMIT), _GRANT)


def given(
    tx: Transaction, account_id: str, *, least: Level, private: bool
) -> Iterator[tuple[Repository, Account, Level]]:
    """Iterate over the direct privileges of users in an account, by repository, then user. Raises ResultTooLarge.

    Leaves out those below `least` and, with `private`, those on public repositories.
    """
    values = {"account_id": account_id, "least": int(least), "private": private}
    return iter(bounded_reads.iterate(tx, _GIVEN, _FEW_GIVEN, **values))


_there = _direct.where(privileges.c.repository_id == bindparam("repository_id"))
_GIVEN_THERE, _FEW_GIVEN_THERE = Statement(_there, _GRANT), Statement(_there.limit(bounded_reads.ROW_LIMIT), _GRANT)


def given_there(
    tx: Transaction, account_id: str, repository_id: str, *, least: Level
) -> Iterator[tuple[Repository, Account, Level]]:
    """Iterate over the direct privileges of users on one repository by user. Raises ResultTooLarge.

    Leaves out those below `least`.
    """
    values = {"account_id": account_id, "repository_id": repository_id, "least": int(least)}
    return iter(bounded_reads.iterate(tx, _GIVEN_THERE, _FEW_GIVEN_THERE, **values))


_REPOSITORY_GRANT = joined(REPOSITORY, scalar(privileges.c.level, Level))
_GIVEN_TO = Statement(
    select(*_REPOSITORY_GRANT.columns)
    .select_from(privileges)
    .join(
        repositories,
        and_(repositories.c.account_id == privileges.c.account_id, repositories.c.id == privileges.c.repository_id),
    )
    .where(privileges.c.account_id == bindparam("account_id"), privileges.c.person_id == bindparam("person_id"))
    .order_by(repositories.c.slug),
    _REPOSITORY_GRANT,
)


def given_to(tx: Transaction, account_id: str, person_id: str) -> list[tuple[Repository, Level]]:
    """Return what a user was given directly on the repositories of an account, by slug."""
    return tx.rows(_GIVEN_TO, account_id=account_id, person_id=person_id)


_SET_GROUP = set_or_replace(group_privileges)
_SET_PERSON = set_or_replace(privileges)


def set_for_group(
    tx: Transaction, account_id: str, repository_id: str, group_id: str, level: Level, granted: Grant
) -> None:
    """Set a group's privilege on a repository; `NONE` overrides the group's default (contract/api-1.0.md#1.14)."""
    where = {"account_id": account_id, "repository_id": repository_id, "group_id": group_id}
    tx.send(_SET_GROUP, **where, level=int(level), **granted.columns(tx))


def set_for_person(
    tx: Transaction, account_id: str, repository_id: str, person_id: str, level: Level, granted: Grant
) -> None:
    """Set a user's direct privilege on a repository."""
    where = {"account_id": account_id, "repository_id": repository_id, "person_id": person_id}
    tx.send(_SET_PERSON, **where, level=int(level), **granted.columns(tx))


_of_group = and_(
    group_privileges.c.account_id == bindparam("account_id"), group_privileges.c.group_id == bindparam("group_id")
)
_on_repository = (
    group_privileges.c.account_id == bindparam("account_id"),
    group_privileges.c.repository_id == bindparam("repository_id"),
)
_OF_GROUP = Statement(
    select(repositories.c.slug, group_privileges.c.level)
    .join(
        group_privileges,
        and_(
            repositories.c.account_id == group_privileges.c.account_id,
            repositories.c.id == group_privileges.c.repository_id,
        ),
    )
    .where(_of_group)
    .order_by(repositories.c.slug)
)
_REMOVE_OF_GROUP = Statement(delete(group_privileges).where(_of_group))
_REMOVE_ON_REPOSITORY = Statement(delete(group_privileges).where(*_on_repository))
_REMOVE_GROUP = Statement(
    delete(group_privileges).where(*_on_repository, group_privileges.c.group_id == bindparam("group_id"))
)
_REMOVE_PEOPLE = Statement(
    delete(privileges).where(
        privileges.c.account_id == bindparam("account_id"), privileges.c.repository_id == bindparam("repository_id")
    )
)
_REMOVE_PERSON = Statement(
    delete(privileges).where(
        privileges.c.account_id == bindparam("account_id"),
        privileges.c.repository_id == bindparam("repository_id"),
        privileges.c.person_id == bindparam("person_id"),
    )
)


def of_group(tx: Transaction, account_id: str, group_id: str) -> dict[str, Level]:
    """Return a group's privileges, by the repository's slug."""
    return {slug: Level(level) for slug, level in tx.rows(_OF_GROUP, account_id=account_id, group_id=group_id)}


_GIVEN_LEVEL = named(SetLevel, privileges.c.level, privileges.c.ends_at)
_OF_PERSON = Statement(
    select(*_GIVEN_LEVEL.columns).where(
        privileges.c.account_id == bindparam("account_id"),
        privileges.c.repository_id == bindparam("repository_id"),
        privileges.c.person_id == bindparam("person_id"),
    ),
    _GIVEN_LEVEL,
    is_cached=True,
)


def person_query(account_id: str, repository_id: str, person_id: str) -> Query:
    """Return the query that `of_person` makes, for `Transaction.preload`."""
    return _OF_PERSON, {"account_id": account_id, "repository_id": repository_id, "person_id": person_id}


def of_person(tx: Transaction, account_id: str, repository_id: str, person_id: str) -> Level | None:
    """Return a user's direct privilege on a repository."""
    return given_level(tx, account_id, repository_id, person_id)[0]


def given_level(
    tx: Transaction, account_id: str, repository_id: str, person_id: str
) -> tuple[Level | None, datetime | None]:
    """Return a user's direct privilege on a repository, and when it ends; None for both if there is none."""
    return level_and_end(tx.row(_OF_PERSON, account_id=account_id, repository_id=repository_id, person_id=person_id))


def remove_of_group(tx: Transaction, account_id: str, group_id: str) -> None:
    """Delete all privileges of a group."""
    tx.run(_REMOVE_OF_GROUP, account_id=account_id, group_id=group_id)


def remove_for_group(tx: Transaction, account_id: str, repository_id: str, group_id: str) -> bool:
    """Delete a group's privilege on a repository, so that its default applies; return False if there was none."""
    return tx.run(_REMOVE_GROUP, account_id=account_id, repository_id=repository_id, group_id=group_id) == 1


def remove_for_person(tx: Transaction, account_id: str, repository_id: str, person_id: str) -> bool:
    """Delete a user's direct privilege on a repository; return False if there was none."""
    return tx.run(_REMOVE_PERSON, account_id=account_id, repository_id=repository_id, person_id=person_id) == 1


def remove_on_repository(tx: Transaction, account_id: str, repository_id: str) -> None:
    """Delete all privileges on a repository."""
    tx.run(_REMOVE_ON_REPOSITORY, account_id=account_id, repository_id=repository_id)
    tx.run(_REMOVE_PEOPLE, account_id=account_id, repository_id=repository_id)
