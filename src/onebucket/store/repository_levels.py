"""On which repositories a person has a level, as conditions in SQL: the ways of `domain.privileges.why`.

What a person has is gathered once for a statement, not looked up for each repository.
"""

from typing import Any

from sqlalchemy import (
    BindParameter,
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
    tuple_,
    union,
    union_all,
)

from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.store.engine.index_hints import without_index
from onebucket.store.tables import (
    Id,
    group_privileges,
    groups,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
    repositories,
)

ACCOUNT_ID: BindParameter[str] = bindparam("account_id", type_=Id)
_person_id: BindParameter[str] = bindparam("person_id", type_=Id)
_WITH_PEOPLE = (memberships, privileges, project_privileges)

# Level on a project from which on it gives at least a level on its repositories.
_PROJECT_LEVELS = {
    level: min(each for each in ProjectLevel if each.on_repositories >= level) for level in Level if level
}
LEVELS = [*_PROJECT_LEVELS]


class PersonLevels:
    """Conditions on `repositories`, of one account (`:account_id`) or of all, about the person `:person_id`."""

    def __init__(self, *, in_account: bool) -> None:
        self._in_account = in_account

    def has(self, least: Level) -> ColumnElement[bool]:
        """The person has at least that level, through whatever but the account."""
        on_project = _PROJECT_LEVELS[least]
        here = tuple_(repositories.c.account_id, repositories.c.id)
        project = tuple_(repositories.c.account_id, repositories.c.project_id)
        with_default = self._groups().where(groups.c.permission >= least)
        return or_(
            and_(
                repositories.c.account_id.in_(with_default.with_only_columns(memberships.c.account_id)),
                here.not_in(self._lowered(with_default, least)),
            ),
            here.in_(union_all(self._given(privileges, least), self._given_to_groups(group_privileges, least))),
            project.in_(
                union_all(
                    self._given(project_privileges, on_project),
                    self._given_to_groups(project_group_privileges, on_project),
                )
            ),
        )

    def administers(self) -> ColumnElement[bool]:
        """The person administers the account, so that they have every level."""
        administered = self._groups().where(groups.c.account_privilege == AccountPrivilege.ADMIN.value)
        return or_(
            repositories.c.account_id == _person_id,
            repositories.c.account_id.in_(administered.with_only_columns(memberships.c.account_id)),
        )

    def is_in_account(self) -> ColumnElement[bool]:
        """The person has a part in the account, so that a repository of it may give them a level."""
        parts = (select(table.c.account_id).where(table.c.person_id == _person_id) for table in _WITH_PEOPLE)
        return repositories.c.account_id.in_(union(select(_person_id), *parts))

    def level(self) -> ColumnElement[int]:
        """The number of the person's level, through whatever but that all see a public repository."""
        return case(
            (self.administers(), literal(int(Level.ADMIN))),
            *((self.has(level), literal(int(level))) for level in sorted(LEVELS, reverse=True)),
            else_=literal(int(Level.NONE)),
        )

    def _groups(self) -> Select[Any]:
        """Select the person's memberships with their groups."""
        return select(memberships).join(groups, _IN_GROUP).where(self._of_person(memberships))

    def _lowered(self, with_default: Select[Any], least: Level) -> Select[Any]:
        """Select the repositories on which less is set for each of the groups that have the level by default."""
        lower, theirs, them = group_privileges.alias("lower"), memberships.alias("theirs"), groups.alias("them")
        number = (
            select(func.count())
            .select_from(theirs)
            .join(them, and_(them.c.account_id == theirs.c.account_id, them.c.id == theirs.c.group_id))
            .where(theirs.c.account_id == (ACCOUNT_ID if self._in_account else memberships.c.account_id))
            .where(theirs.c.person_id == _person_id)
            .where(them.c.permission >= least)
        )
        return (
            with_default.join(lower, _of_group(lower))
            .where(lower.c.level < least)
            .with_only_columns(memberships.c.account_id, lower.c.repository_id)
            .group_by(memberships.c.account_id, lower.c.repository_id)
            .having(func.count() == number.scalar_subquery())
        )

    def _given(self, table: FromClause, least: int) -> Select[Any]:
        return select(table.c.account_id, _place(table)).where(self._of_person(table), table.c.level >= least)

    def _given_to_groups(self, table: FromClause, least: int) -> Select[Any]:
        return (
            select(memberships.c.account_id, _place(table))
            .join(table, _of_group(table))
            .where(self._of_person(memberships), table.c.level >= least)
        )

    def _of_person(self, table: FromClause) -> ColumnElement[bool]:
        is_theirs = table.c.person_id == _person_id
        # A person has fewer rows than the account: they are looked up by the person.
        return and_(is_theirs, without_index(table.c.account_id) == ACCOUNT_ID) if self._in_account else is_theirs


_IN_GROUP = and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)


def _of_group(table: FromClause) -> ColumnElement[bool]:
    return and_(table.c.account_id == memberships.c.account_id, table.c.group_id == memberships.c.group_id)


def _place(table: FromClause) -> ColumnElement[str]:
    return table.c.project_id if "project_id" in table.c else table.c.repository_id
