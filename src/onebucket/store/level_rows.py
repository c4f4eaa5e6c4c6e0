"""The rows that decide about everybody's level on an account's repositories, read as a whole."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Integer, Select, bindparam, literal, select, union_all

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.level_sets import LevelRows
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.repositories import Repository
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    Id,
    group_privileges,
    groups,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
)

# What a row says: that somebody is in a group, what a group has in a place, what a person has there, what a group has
# everywhere by default, or that it administers the account.
_MEMBER, _OF_GROUP, _OF_PERSON, _DEFAULT, _ADMINISTERS = range(5)
_members = select(
    literal(_MEMBER, Integer).label("kind"),
    literal(False, Boolean).label("is_on_project"),
    memberships.c.group_id.label("place_id"),
    memberships.c.person_id.label("holder_id"),
    literal(0, Integer).label("level"),
).where(memberships.c.account_id == bindparam("account_id"))


def _groups(kind: int, level: Any, condition: ColumnElement[bool]) -> Select[Any]:
    return select(
        literal(kind, Integer).label("kind"),
        literal(False, Boolean).label("is_on_project"),
        groups.c.id.label("place_id"),
        groups.c.id.label("holder_id"),
        level.label("level"),
    ).where(groups.c.account_id == bindparam("account_id"), condition)


_of_the_groups = (
    _members,
    _groups(_DEFAULT, groups.c.permission, groups.c.permission.is_not(None)),
    _groups(_ADMINISTERS, literal(0, Integer), groups.c.account_privilege == AccountPrivilege.ADMIN.value),
)


def _given(table: Any, *there: ColumnElement[bool]) -> Select[Any]:
    is_of_group, is_on_project = "group_id" in table.c, "project_id" in table.c
    return select(
        literal(_OF_GROUP if is_of_group else _OF_PERSON, Integer).label("kind"),
        literal(is_on_project, Boolean).label("is_on_project"),
        (table.c.project_id if is_on_project else table.c.repository_id).label("place_id"),
        (table.c.group_id if is_of_group else table.c.person_id).label("holder_id"),
        table.c.level,
    ).where(table.c.account_id == bindparam("account_id"), *there)


_ON_REPOSITORIES, _ON_PROJECTS = (group_privileges, privileges), (project_group_privileges, project_privileges)
_repository_id, _project_id = (bindparam(name, type_=Id) for name in ("repository_id", "project_id"))
_GIVEN = Statement(union_all(*_of_the_groups, *(_given(table) for table in (*_ON_REPOSITORIES, *_ON_PROJECTS))))
_GIVEN_THERE = Statement(
    union_all(
        *_of_the_groups,
        *(_given(table, table.c.repository_id == _repository_id) for table in _ON_REPOSITORIES),
        *(_given(table, table.c.project_id == _project_id) for table in _ON_PROJECTS),
    )
)

_LEVELS = {int(level): level for level in Level}
_LEVELS_ON_PROJECTS = {int(level): level.on_repositories for level in ProjectLevel}


def of_account(tx: Transaction, owner: Account) -> LevelRows:
    """Read what decides about all repositories of an account."""
    return _level_rows(tx.rows(_GIVEN, account_id=owner.id))


def of_repository(tx: Transaction, owner: Account, repository: Repository) -> LevelRows:
    """Read what decides about one repository."""
    where = {"repository_id": repository.id, "project_id": repository.project_id}
    return _level_rows(tx.rows(_GIVEN_THERE, account_id=owner.id, **where))


def _level_rows(rows: list[Any]) -> LevelRows:
    members: dict[str, list[str]] = defaultdict(list)
    of_groups: dict[str, dict[str, Level]] = defaultdict(dict)
    of_people: dict[str, dict[str, Level]] = defaultdict(dict)
    defaults: dict[str, Level] = {}
    administering: list[str] = []
    for kind, is_on_project, place_id, holder_id, level in rows:
        if kind == _MEMBER:
            members[place_id].append(holder_id)
        elif kind == _DEFAULT:
            defaults[place_id] = _LEVELS[level]
        elif kind == _ADMINISTERS:
            administering.append(place_id)
        else:
            levels = _LEVELS_ON_PROJECTS if is_on_project else _LEVELS
            (of_groups if kind == _OF_GROUP else of_people)[place_id][holder_id] = levels[level]
    return LevelRows(defaults, administering, members, of_groups, of_people)
