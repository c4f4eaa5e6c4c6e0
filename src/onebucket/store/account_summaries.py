"""Summaries of an account: members in each group, all its users, and part of its group privileges."""

from collections.abc import Iterable

from sqlalchemy import and_, bindparam, false, func, or_, select, true, union

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.repository_rows import REPOSITORY
from onebucket.store.tables import (
    Id,
    accounts,
    group_privileges,
    groups,
    memberships,
    privileges,
    project_privileges,
    repositories,
)

_COUNTS = Statement(
    select(memberships.c.group_id, func.count())
    .where(memberships.c.account_id == bindparam("account_id"))
    .group_by(memberships.c.group_id)
)
_GROUP_AND_COUNT = joined(
    GROUP,
    scalar(
        select(func.count())
        .where(memberships.c.account_id == bindparam("account_id"), memberships.c.group_id == groups.c.id)
        .correlate(groups)
        .scalar_subquery(),
        int,
    ),
)
_GROUPS_AND_COUNTS = Statement(
    select(*_GROUP_AND_COUNT.columns).where(groups.c.account_id == bindparam("account_id")).order_by(groups.c.slug),
    _GROUP_AND_COUNT,
)
_people_in_account = union(
    select(memberships.c.person_id).where(memberships.c.account_id == bindparam("account_id")),
    select(privileges.c.person_id).where(privileges.c.account_id == bindparam("account_id")),
    select(project_privileges.c.person_id).where(project_privileges.c.account_id == bindparam("account_id")),
)
_people = select(*ACCOUNT.columns).where(accounts.c.is_team == false()).order_by(accounts.c.username_key)
_belongs_to_account = or_(accounts.c.id == bindparam("account_id"), accounts.c.id.in_(_people_in_account))
_PEOPLE = Statement(_people.where(_belongs_to_account), ACCOUNT)
_PEOPLE_AND_SITE = Statement(_people.where(or_(_belongs_to_account, accounts.c.site_admin == true())), ACCOUNT)
_IN_THEM = Statement(
    _people.where(
        accounts.c.id.in_(
            select(memberships.c.person_id).where(
                memberships.c.account_id == bindparam("account_id"), memberships.c.group_id.in_(values_of("groups", Id))
            )
        )
    ),
    ACCOUNT,
)
_CELLS = Statement(
    select(group_privileges.c.repository_id, group_privileges.c.group_id, group_privileges.c.level).where(
        group_privileges.c.account_id == bindparam("account_id"),
        group_privileges.c.repository_id.in_(values_of("repositories", Id)),
        group_privileges.c.group_id.in_(values_of("groups", Id)),
    )
)
# The accounts where the person has a part.
accounts_with_access = union(
    select(memberships.c.account_id).where(memberships.c.person_id == bindparam("person_id")),
    select(privileges.c.account_id).where(privileges.c.person_id == bindparam("person_id")),
    select(project_privileges.c.account_id).where(project_privileges.c.person_id == bindparam("person_id")),
)
_is_of_person = or_(accounts.c.id == bindparam("person_id"), accounts.c.id.in_(accounts_with_access))
_WHERE = Statement(select(*ACCOUNT.columns).where(_is_of_person).order_by(accounts.c.username_key), ACCOUNT)
_WITH_REPOSITORY = joined(ACCOUNT, REPOSITORY.optional)
_WHERE_WITH_REPOSITORIES = Statement(
    select(*_WITH_REPOSITORY.columns)
    .select_from(accounts.outerjoin(repositories, repositories.c.account_id == accounts.c.id))
    .where(_is_of_person)
    .order_by(accounts.c.username_key, repositories.c.slug),
    _WITH_REPOSITORY,
)


_is_membership = and_(memberships.c.account_id == accounts.c.id, memberships.c.person_id == bindparam("person_id"))
_WITH_GROUP = joined(ACCOUNT, GROUP.optional)
_WHERE_WITH_GROUPS = Statement(
    select(*_WITH_GROUP.columns)
    .select_from(
        accounts.outerjoin(memberships, _is_membership).outerjoin(
            groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)
        )
    )
    .where(_is_of_person)
    .order_by(accounts.c.username_key, groups.c.slug),
    _WITH_GROUP,
)


def groups_with_counts(tx: Transaction, account_id: str) -> list[tuple[Group, int]]:
    """Return the groups of an account by slug, each with the number of its members."""
    return tx.rows(_GROUPS_AND_COUNTS, account_id=account_id)


def accounts_of_person(tx: Transaction, person_id: str) -> list[Account]:
    """Return the accounts a user belongs to: their own, those of their groups, and those that gave them something.

    Sorted by username.
    """
    return tx.rows(_WHERE, person_id=person_id)


def accounts_with_repositories(tx: Transaction, person_id: str) -> dict[Account, list[Repository]]:
    """Return the accounts of `accounts_of_person`, by username, each with all its repositories by slug."""
    found: dict[Account, list[Repository]] = {}
    for owner, repository in tx.rows(_WHERE_WITH_REPOSITORIES, person_id=person_id):
        found.setdefault(owner, []).extend([repository] if repository else [])
    return found


def accounts_with_groups(tx: Transaction, person_id: str) -> dict[Account, list[Group]]:
    """Return the accounts of `accounts_of_person`, by username, each with the person's groups there by slug."""
    found: dict[Account, list[Group]] = {}
    for owner, group in tx.rows(_WHERE_WITH_GROUPS, person_id=person_id):
        found.setdefault(owner, []).extend([group] if group else [])
    return found


def counts(tx: Transaction, account_id: str) -> dict[str, int]:
    """Return the number of members of each group of an account, by the group's id; empty groups are left out."""
    return dict(tx.rows(_COUNTS, account_id=account_id))


def people(tx: Transaction, account_id: str, *, with_site: bool = False) -> list[Account]:
    """Return the members of an account's groups, users who were given something there, and its owner, by username.

    `with_site` adds the site administrators, who administer every account.
    """
    return tx.rows(_PEOPLE_AND_SITE if with_site else _PEOPLE, account_id=account_id)


def members(tx: Transaction, account_id: str, groups: Iterable[str]) -> list[Account]:
    """Return the members of these groups, each once, sorted by username."""
    return tx.rows(_IN_THEM, account_id=account_id, groups=groups)


def cells(
    tx: Transaction, account_id: str, repositories: Iterable[str], groups: Iterable[str]
) -> dict[tuple[str, str], Level]:
    """Return the privileges of some groups on some repositories, by the ids of repository and group."""
    where = {"repositories": repositories, "groups": groups}
    rows = tx.rows(_CELLS, account_id=account_id, **where)
    return {(repository_id, group_id): Level(level) for repository_id, group_id, level in rows}
