"""What is set on projects for groups and users, in the database."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, bindparam, cast, delete, func, null, select, union_all

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.projects import ProjectGrants, ProjectLevel
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, named, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.set_levels import Grant, SetLevel, set_or_replace
from onebucket.store.tables import (
    Id,
    accounts,
    groups,
    memberships,
    project_group_privileges,
    project_privileges,
    projects,
)

_OF_GROUPS = project_group_privileges.c.account_id == bindparam("account_id")
_OF_PEOPLE = project_privileges.c.account_id == bindparam("account_id")
_GROUPS_THERE = (_OF_GROUPS, project_group_privileges.c.project_id == bindparam("project_id"))
_PEOPLE_THERE = (_OF_PEOPLE, project_privileges.c.project_id == bindparam("project_id"))
_THIS_GROUP = project_group_privileges.c.group_id == bindparam("group_id")
_THIS_PERSON = project_privileges.c.person_id == bindparam("person_id")

_is_of_project = and_(
    projects.c.account_id == project_group_privileges.c.account_id,
    projects.c.id == project_group_privileges.c.project_id,
)
_is_of_group = and_(
    groups.c.account_id == project_group_privileges.c.account_id, groups.c.id == project_group_privileges.c.group_id
)
_is_given_on_project = and_(
    projects.c.account_id == project_privileges.c.account_id, projects.c.id == project_privileges.c.project_id
)
_GROUPS = Statement(
    select(projects.c.key, groups.c.slug, project_group_privileges.c.level)
    .select_from(project_group_privileges)
    .join(projects, _is_of_project)
    .join(groups, _is_of_group)
    .where(_OF_GROUPS)
    .order_by(projects.c.key, groups.c.slug)
)
_PEOPLE = Statement(
    select(projects.c.key, accounts.c.username, project_privileges.c.level)
    .select_from(project_privileges)
    .join(projects, _is_given_on_project)
    .join(accounts, accounts.c.id == project_privileges.c.person_id)
    .where(_OF_PEOPLE)
    .order_by(projects.c.key, accounts.c.username_key)
)


def for_groups(tx: Transaction, account_id: str) -> dict[tuple[str, str], ProjectLevel]:
    """Return what groups have on the projects of an account, by the project's key and the group's slug."""
    return {(key, group): ProjectLevel(level) for key, group, level in tx.rows(_GROUPS, account_id=account_id)}


def grants(tx: Transaction, account_id: str) -> Mapping[str, ProjectGrants]:
    """Return the levels on each project of an account, by the project's key; projects without any are left out."""
    by_key: dict[str, ProjectGrants] = {}
    for (key, group), level in for_groups(tx, account_id).items():
        by_key.setdefault(key, ProjectGrants()).groups[group] = level
    for key, person, level in tx.rows(_PEOPLE, account_id=account_id):
        by_key.setdefault(key, ProjectGrants()).people[person] = ProjectLevel(level)
    return by_key


_GIVEN_TO = Statement(
    select(projects.c.key, project_privileges.c.level)
    .select_from(project_privileges)
    .join(projects, _is_given_on_project)
    .where(_OF_PEOPLE, _THIS_PERSON)
    .order_by(projects.c.key)
)


def given_to(tx: Transaction, account_id: str, person_id: str) -> dict[str, ProjectLevel]:
    """Return what a user was given on the projects of an account themselves, by the project's key."""
    rows = tx.rows(_GIVEN_TO, account_id=account_id, person_id=person_id)
    return {key: ProjectLevel(level) for key, level in rows}


_GROUP_GRANT = joined(
    GROUP,
    scalar(project_group_privileges.c.level, ProjectLevel),
    scalar(project_group_privileges.c.ends_at, timestamps.optional_from_number),
)
_PERSON_GRANT = joined(
    ACCOUNT,
    scalar(project_privileges.c.level, ProjectLevel),
    scalar(project_privileges.c.ends_at, timestamps.optional_from_number),
)
_GROUPS_ON_PROJECT = Statement(
    select(*_GROUP_GRANT.columns)
    .select_from(project_group_privileges)
    .join(groups, _is_of_group)
    .where(*_GROUPS_THERE)
    .order_by(groups.c.slug),
    _GROUP_GRANT,
)
_PEOPLE_ON_PROJECT = Statement(
    select(*_PERSON_GRANT.columns)
    .select_from(project_privileges)
    .join(accounts, accounts.c.id == project_privileges.c.person_id)
    .where(*_PEOPLE_THERE)
    .order_by(accounts.c.username_key),
    _PERSON_GRANT,
)


# With NULL in place of who isn't it.
_there = union_all(
    select(
        project_group_privileges.c.group_id.label("group_id"),
        cast(null(), Id).label("person_id"),
        project_group_privileges.c.level.label("level"),
        project_group_privileges.c.ends_at.label("ends_at"),
    ).where(*_GROUPS_THERE),
    select(
        cast(null(), Id), project_privileges.c.person_id, project_privileges.c.level, project_privileges.c.ends_at
    ).where(*_PEOPLE_THERE),
).subquery("there")
_HOLDER_THERE = joined(
    GROUP.optional,
    ACCOUNT.optional,
    scalar(_there.c.level, ProjectLevel),
    scalar(_there.c.ends_at, timestamps.optional_from_number),
)
_HOLDERS_ON_PROJECT = Statement(
    select(*_HOLDER_THERE.columns)
    .select_from(
        _there.outerjoin(
            groups, and_(groups.c.account_id == bindparam("account_id"), groups.c.id == _there.c.group_id)
        ).outerjoin(accounts, accounts.c.id == _there.c.person_id)
    )
    .order_by(groups.c.slug, accounts.c.username_key),
    _HOLDER_THERE,
)


def holders_on(
    tx: Transaction, account_id: str, project_id: str
) -> list[tuple[Group | None, Account | None, ProjectLevel, datetime | None]]:
    """Return the groups that have something on a project, by slug, and the users, by username; levels and ends."""
    return tx.rows(_HOLDERS_ON_PROJECT, account_id=account_id, project_id=project_id)


def groups_on(tx: Transaction, account_id: str, project_id: str) -> list[tuple[Group, ProjectLevel, datetime | None]]:
    """Return the groups that have something on a project, with their levels and when those end, by slug."""
    return tx.rows(_GROUPS_ON_PROJECT, account_id=account_id, project_id=project_id)


def people_on(tx: Transaction, account_id: str, project_id: str) -> list[tuple[Account, ProjectLevel, datetime | None]]:
    """Return the users who were given something on a project themselves, with levels and ends, by username."""
    return tx.rows(_PEOPLE_ON_PROJECT, account_id=account_id, project_id=project_id)


_SET_LEVEL = named(SetLevel, project_group_privileges.c.level, project_group_privileges.c.ends_at)
_LEVEL_OF_GROUP = Statement(select(*_SET_LEVEL.columns).where(*_GROUPS_THERE, _THIS_GROUP), _SET_LEVEL)
_GIVEN_LEVEL = named(SetLevel, project_privileges.c.level, project_privileges.c.ends_at)
_LEVEL_OF_PERSON = Statement(select(*_GIVEN_LEVEL.columns).where(*_PEOPLE_THERE, _THIS_PERSON), _GIVEN_LEVEL)
_OF_GROUP = Statement(
    select(projects.c.key, project_group_privileges.c.level)
    .select_from(project_group_privileges)
    .join(projects, _is_of_project)
    .where(_OF_GROUPS, _THIS_GROUP)
    .order_by(projects.c.key)
)


_NOTHING = SetLevel(int(ProjectLevel.NONE), None)


def for_group(tx: Transaction, account_id: str, project_id: str, group_id: str) -> SetLevel:
    """Return a group's level on a project; `NONE` if it has none."""
    return tx.row(_LEVEL_OF_GROUP, account_id=account_id, project_id=project_id, group_id=group_id) or _NOTHING


def for_person(tx: Transaction, account_id: str, project_id: str, person_id: str) -> SetLevel:
    """Return what a user was given on a project themselves; `NONE` if nothing."""
    return tx.row(_LEVEL_OF_PERSON, account_id=account_id, project_id=project_id, person_id=person_id) or _NOTHING


def of_group(tx: Transaction, account_id: str, group_id: str) -> dict[str, ProjectLevel]:
    """Return a group's levels, by the project's key."""
    return {key: ProjectLevel(level) for key, level in tx.rows(_OF_GROUP, account_id=account_id, group_id=group_id)}


# -- the strongest of all that a user has ----------------------------------------------------------

_through_groups = (
    select(project_group_privileges.c.project_id, project_group_privileges.c.level)
    .join(
        memberships,
        and_(
            memberships.c.account_id == project_group_privileges.c.account_id,
            memberships.c.group_id == project_group_privileges.c.group_id,
        ),
    )
    .where(_OF_GROUPS, memberships.c.person_id == bindparam("person_id"))
)
_directly = select(project_privileges.c.project_id, project_privileges.c.level).where(_OF_PEOPLE, _THIS_PERSON)
_all_ways = union_all(_through_groups, _directly).subquery("ways")
_STRONGEST = Statement(select(_all_ways.c.project_id, func.max(_all_ways.c.level)).group_by(_all_ways.c.project_id))
_ways_there = union_all(_through_groups.where(_GROUPS_THERE[1]), _directly.where(_PEOPLE_THERE[1])).subquery("ways")
_MOST = scalar(func.max(_ways_there.c.level), lambda level: ProjectLevel(level or 0))
_STRONGEST_THERE = Statement(select(*_MOST.columns), _MOST, is_cached=True)


def strongest(tx: Transaction, account_id: str, person_id: str) -> dict[str, ProjectLevel]:
    """Return a user's level on each project where they have one, themselves or through groups, by the project's id."""
    return {id: ProjectLevel(level) for id, level in tx.rows(_STRONGEST, account_id=account_id, person_id=person_id)}


def strongest_there(tx: Transaction, account_id: str, project_id: str, person_id: str) -> ProjectLevel:
    """Return a user's level on a project, themselves or through groups; `NONE` if they have none."""
    level = tx.row(_STRONGEST_THERE, account_id=account_id, project_id=project_id, person_id=person_id)
    assert level is not None
    return level


# -- changes ---------------------------------------------------------------------------------------


_SET_GROUP = set_or_replace(project_group_privileges)
_SET_PERSON = set_or_replace(project_privileges)
_REMOVE_GROUP = Statement(delete(project_group_privileges).where(*_GROUPS_THERE, _THIS_GROUP))
_REMOVE_PERSON = Statement(delete(project_privileges).where(*_PEOPLE_THERE, _THIS_PERSON))
_REMOVE_OF_GROUP = Statement(delete(project_group_privileges).where(_OF_GROUPS, _THIS_GROUP))
_REMOVE_GROUPS = Statement(delete(project_group_privileges).where(*_GROUPS_THERE))
_REMOVE_PEOPLE = Statement(delete(project_privileges).where(*_PEOPLE_THERE))


def set_for_group(
    tx: Transaction,
    account_id: str,
    project_id: str,
    group_id: str,
    level: ProjectLevel,
    granted: Grant,
) -> None:
    """Set a group's level on a project."""
    where = {"account_id": account_id, "project_id": project_id, "group_id": group_id}
    tx.run(_SET_GROUP, **where, level=int(level), **granted.columns(tx))


def set_for_person(
    tx: Transaction,
    account_id: str,
    project_id: str,
    person_id: str,
    level: ProjectLevel,
    granted: Grant,
) -> None:
    """Set a user's own level on a project."""
    where = {"account_id": account_id, "project_id": project_id, "person_id": person_id}
    tx.run(_SET_PERSON, **where, level=int(level), **granted.columns(tx))


def remove_for_group(tx: Transaction, account_id: str, project_id: str, group_id: str) -> None:
    """Delete a group's level on a project."""
    tx.run(_REMOVE_GROUP, account_id=account_id, project_id=project_id, group_id=group_id)


def remove_for_person(tx: Transaction, account_id: str, project_id: str, person_id: str) -> None:
    """Delete what a user was given on a project themselves."""
    tx.run(_REMOVE_PERSON, account_id=account_id, project_id=project_id, person_id=person_id)


def remove_of_group(tx: Transaction, account_id: str, group_id: str) -> None:
    """Delete a group's levels on all projects."""
    tx.run(_REMOVE_OF_GROUP, account_id=account_id, group_id=group_id)


def remove_on_project(tx: Transaction, account_id: str, project_id: str) -> None:
    """Delete everything that is set on a project."""
    tx.run(_REMOVE_GROUPS, account_id=account_id, project_id=project_id)
    tx.run(_REMOVE_PEOPLE, account_id=account_id, project_id=project_id)
