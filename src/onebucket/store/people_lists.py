"""People of an account, a group and the site, and teams: filtered, sorted and read page by page, by username."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    Id,
    accounts,
    group_privileges,
    groups,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
    repositories,
)

_account_id = bindparam("account_id", type_=Id)
_COLUMNS: dict[str, ColumnElement[Any]] = {
    "username": accounts.c.username,
    "username_key": accounts.c.username_key,
    "name": accounts.c.display_name,
    "folded name": func.lower(accounts.c.display_name),
    "is_active": accounts.c.is_active,
    "site_admin": accounts.c.site_admin,
    "created_at": accounts.c.created_at,
}
_BY_USERNAME = (accounts.c.username_key,)


def _in(table: FromClause) -> Select[Any]:
    return select(table.c.person_id).where(table.c.account_id == _account_id)


# -- the highest level that somebody has on any repository of an account: the ways of `domain.privileges.why`

_number = select(func.count()).where(repositories.c.account_id == _account_id).scalar_subquery()
_set = group_privileges.alias("set_there")
_number_set = (
    select(func.count())
    .where(_set.c.account_id == _account_id, _set.c.group_id == groups.c.id)
    .correlate(groups)
    .scalar_subquery()
)


def _gives(table: FromClause, holder: ColumnElement[Any]) -> Select[Any]:
    """Select what is given on projects that have repositories."""
    level = case(*((table.c.level == each, int(each.on_repositories)) for each in ProjectLevel), else_=0)
    there = select(literal(1)).where(
        repositories.c.account_id == _account_id, repositories.c.project_id == table.c.project_id
    )
    return select(holder, level.label("level")).where(table.c.account_id == _account_id, there.exists())


# Each group once, so that no database looks its levels up for each of its members.
_given_to_groups = union_all(
    select(groups.c.id.label("group_id"), literal(int(Level.ADMIN)).label("level")).where(
        groups.c.account_id == _account_id, groups.c.account_privilege == AccountPrivilege.ADMIN.value
    ),
    # A default holds nowhere if something is set for the group on every repository.
    select(groups.c.id, groups.c.permission).where(
        groups.c.account_id == _account_id, groups.c.permission.is_not(None), _number_set < _number
    ),
    select(group_privileges.c.group_id, group_privileges.c.level).where(group_privileges.c.account_id == _account_id),
    _gives(project_group_privileges, project_group_privileges.c.group_id),
).subquery("given_to_groups")
_of_groups = (
    select(_given_to_groups.c.group_id, func.max(_given_to_groups.c.level).label("level"))
    .group_by(_given_to_groups.c.group_id)
    .subquery("of_groups")
)
_given = union_all(
    select(accounts.c.id.label("person_id"), literal(int(Level.ADMIN)).label("level")).where(
        accounts.c.id == _account_id
    ),
    select(memberships.c.person_id, func.coalesce(_of_groups.c.level, 0))
    .select_from(memberships.outerjoin(_of_groups, _of_groups.c.group_id == memberships.c.group_id))
    .where(memberships.c.account_id == _account_id),
    select(privileges.c.person_id, privileges.c.level).where(privileges.c.account_id == _account_id),
    _gives(project_privileges, project_privileges.c.person_id),
    # Whose project has no repositories is here too.
    select(project_privileges.c.person_id, literal(0)).where(project_privileges.c.account_id == _account_id),
).subquery("given")
_of_people = (
    select(_given.c.person_id, func.max(_given.c.level).label("level"))
    .group_by(_given.c.person_id)
    .subquery("of_people")
)
_is_public = repositories.c.is_private.is_(False)
_highest = case(
    (
        and_(accounts.c.is_active, _number > 0),
        case((accounts.c.site_admin, int(Level.ADMIN)), else_=_of_people.c.level),
    ),
    else_=0,
)
_seen = select(func.count()).where(repositories.c.account_id == _account_id, _is_public).scalar_subquery()
_level = case((and_(_highest == 0, accounts.c.is_active, _seen > 0), int(Level.READ)), else_=_highest)

# -- the lists

_people = select(*ACCOUNT.columns).where(accounts.c.is_team.is_(False))
# Not looked up for each person of the site: what this takes grows with the account alone.
_part = union_all(_in(memberships), _in(privileges), _in(project_privileges))
_IN_ACCOUNT = FilteredSelect(
    _people.where(or_(accounts.c.id == _account_id, accounts.c.id.in_(_part))), ACCOUNT, _COLUMNS, unique=_BY_USERNAME
)
_IN_ACCOUNT_BY_LEVEL = FilteredSelect(
    _people.join(_of_people, _of_people.c.person_id == accounts.c.id),
    ACCOUNT,
    {**_COLUMNS, "level": _level},
    unique=_BY_USERNAME,
)
_MEMBER = joined(ACCOUNT, scalar(memberships.c.ends_at, timestamps.optional_from_number))
_IN_GROUP = FilteredSelect(
    select(*_MEMBER.columns)
    .join_from(memberships, accounts, accounts.c.id == memberships.c.person_id)
    .where(memberships.c.account_id == _account_id, memberships.c.group_id == bindparam("group_id", type_=Id)),
    _MEMBER,
    {**_COLUMNS, "added_at": memberships.c.added_at, "ends_at": memberships.c.ends_at},
    unique=_BY_USERNAME,
)
_OF_SITE = FilteredSelect(_people, ACCOUNT, _COLUMNS, unique=_BY_USERNAME)
_TEAMS = FilteredSelect(
    select(*ACCOUNT.columns).where(accounts.c.is_team.is_(True)), ACCOUNT, _COLUMNS, unique=_BY_USERNAME
)


def in_account(tx: Transaction, account_id: str, query: ListQuery) -> tuple[list[Account], int]:
    """Return the part of an account's people that a query wants, and how many pass its filter.

    These are members of its groups, people who were given something there, and its owner. Their field `level` is the
    highest that they have on any repository; it is worked out for all of them where a query has it.
    """
    listed = _IN_ACCOUNT_BY_LEVEL if "level" in query.fields else _IN_ACCOUNT
    return listed.read(tx, query, account_id=account_id)


def in_group(tx: Transaction, group: Group, query: ListQuery) -> tuple[list[tuple[Account, datetime | None]], int]:
    """Return the part of a group's members that a query wants, each with the end of the membership."""
    return _IN_GROUP.read(tx, query, account_id=group.account_id, group_id=group.id)


def of_site(tx: Transaction, query: ListQuery) -> tuple[list[Account], int]:
    """Return the part of all people of the site that a query wants."""
    return _OF_SITE.read(tx, query)


def teams(tx: Transaction, query: ListQuery) -> tuple[list[Account], int]:
    """Return the part of all teams that a query wants."""
    return _TEAMS.read(tx, query)
