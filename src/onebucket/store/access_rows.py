"""The rows that decide who may do what: memberships, and the privileges on repositories and their projects.

What is set for groups on repositories and on projects comes from one query, and so does what was given to users.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    null,
    select,
    tuple_,
    union_all,
)

from onebucket.domain.accounts import Account
from onebucket.store.engine.index_hints import without_index
from onebucket.store.engine.list_parameters import pairs_of, values_of
from onebucket.store.engine.row_mapper import named
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    Id,
    accounts,
    directories,
    group_privileges,
    groups,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
    projects,
)


class MembershipRow(NamedTuple):
    """A user's membership of a group, the group's level, and when and by whom they were added.

    `directory` is the label of the directory that keeps the group; `ends_at` is when the membership ends.
    """

    person_id: str
    group_id: str
    slug: str
    permission: int | None
    account_privilege: str | None
    added_at: int
    added_by: str | None
    directory: str | None = None
    ends_at: int | None = None


class PrivilegeRow(NamedTuple):
    """A level set for a group or a user, when and by whom: on a repository or, with its key, on a project.

    `place_id` is the id of the repository or the project, `holder_id` that of the group or the user. `ends_at` is when
    it ends.
    """

    place_id: str
    holder_id: str
    level: int
    granted_at: int
    granted_by: str | None
    project: str | None = None
    ends_at: int | None = None


GRANTER = accounts.alias("by")
MEMBERSHIP = named(
    MembershipRow,
    memberships.c.person_id,
    groups.c.id,
    groups.c.slug,
    groups.c.permission,
    groups.c.account_privilege,
    memberships.c.added_at,
    GRANTER.c.username,
    directories.c.label,
    memberships.c.ends_at,
)
memberships_of_people = (
    select(*MEMBERSHIP.columns)
    .select_from(memberships)
    .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
    .outerjoin(GRANTER, GRANTER.c.id == memberships.c.added_by)
    .outerjoin(
        directories, and_(directories.c.account_id == groups.c.account_id, directories.c.id == groups.c.directory_id)
    )
    .where(
        memberships.c.person_id.in_(values_of("people", Id)),
        # Keep SQLite from scanning the whole account: these users have fewer rows than the account.
        without_index(memberships.c.account_id) == bindparam("account_id"),
    )
)
_MEMBERSHIPS = Statement(memberships_of_people, MEMBERSHIP)


def _on_repositories(given: Any, holder_id: ColumnElement[Any], *condition: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            given.c.repository_id.label("place_id"),
            holder_id.label("holder_id"),
            given.c.level,
            given.c.granted_at,
            GRANTER.c.username.label("granted_by"),
            null().label("project"),
            given.c.ends_at,
        )
        .select_from(given)
        .outerjoin(GRANTER, GRANTER.c.id == given.c.granted_by)
        .where(*condition)
    )


def _on_projects(given: Any, holder_id: ColumnElement[Any], *condition: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            given.c.project_id.label("place_id"),
            holder_id.label("holder_id"),
            given.c.level,
            given.c.granted_at,
            GRANTER.c.username.label("granted_by"),
            projects.c.key.label("project"),
            given.c.ends_at,
        )
        .select_from(given)
        .join(projects, and_(projects.c.account_id == given.c.account_id, projects.c.id == given.c.project_id))
        .outerjoin(GRANTER, GRANTER.c.id == given.c.granted_by)
        .where(*condition)
    )


def _both(on_repositories: Select[Any], on_projects: Select[Any]) -> Statement[PrivilegeRow]:
    rows = union_all(on_repositories, on_projects).subquery("given")
    mapper = named(PrivilegeRow, *rows.c)
    return Statement(select(*mapper.columns), mapper)


def _of_groups(there: ColumnElement[bool], on_projects: ColumnElement[bool]) -> Statement[PrivilegeRow]:
    of_account = group_privileges.c.account_id == bindparam("account_id")
    of_account_too = project_group_privileges.c.account_id == bindparam("account_id")
    return _both(
        _on_repositories(group_privileges, group_privileges.c.group_id, of_account, there),
        _on_projects(project_group_privileges, project_group_privileges.c.group_id, of_account_too, on_projects),
    )


def _of_people(*there: ColumnElement[bool], on_projects: Iterable[ColumnElement[bool]]) -> Statement[PrivilegeRow]:
    return _both(
        _on_repositories(privileges, privileges.c.person_id, *there),
        _on_projects(project_privileges, project_privileges.c.person_id, *on_projects),
    )


_SET_THERE = _of_groups(
    tuple_(group_privileges.c.repository_id, group_privileges.c.group_id).in_(pairs_of("on_repositories", Id)),
    tuple_(project_group_privileges.c.project_id, project_group_privileges.c.group_id).in_(pairs_of("on_projects", Id)),
)
# Looked up by the user's groups: any number of other groups may have privileges on each repository.
_SET_FOR_THEM = _of_groups(
    and_(
        group_privileges.c.group_id.in_(values_of("groups", Id)),
        without_index(group_privileges.c.repository_id).in_(values_of("repositories", Id)),
    ),
    and_(
        project_group_privileges.c.group_id.in_(values_of("groups", Id)),
        without_index(project_group_privileges.c.project_id).in_(values_of("projects", Id)),
    ),
)
_DIRECT_THERE = _of_people(
    privileges.c.account_id == bindparam("account_id"),
    tuple_(privileges.c.repository_id, privileges.c.person_id).in_(pairs_of("on_repositories", Id)),
    on_projects=(
        project_privileges.c.account_id == bindparam("account_id"),
        tuple_(project_privileges.c.project_id, project_privileges.c.person_id).in_(pairs_of("on_projects", Id)),
    ),
)

# Ids of groups or users, by the repository or the project.
Pairs = Mapping[str, Collection[str]]


def memberships_of(tx: Transaction, owner: Account, people: Iterable[Account]) -> dict[str, list[MembershipRow]]:
    """Return the memberships of users in an account's groups, by the user's id."""
    by_person: dict[str, list[MembershipRow]] = {}
    for row in tx.rows(_MEMBERSHIPS, account_id=owner.id, people=[person.id for person in people]):
        by_person.setdefault(row.person_id, []).append(row)
    return by_person


def set_for_these_groups(
    tx: Transaction, owner: Account, groups: Iterable[str], repositories: Iterable[str], projects: Iterable[str]
) -> list[PrivilegeRow]:
    """Return the privileges of a few groups on any number of repositories and projects."""
    return tx.rows(_SET_FOR_THEM, account_id=owner.id, groups=groups, repositories=repositories, projects=projects)


def set_for_pairs(tx: Transaction, owner: Account, on_repositories: Pairs, on_projects: Pairs) -> list[PrivilegeRow]:
    """Return the privileges of each group on the repositories and projects paired with it."""
    return tx.rows(_SET_THERE, account_id=owner.id, on_repositories=on_repositories, on_projects=on_projects)


def given_to_pairs(tx: Transaction, owner: Account, on_repositories: Pairs, on_projects: Pairs) -> list[PrivilegeRow]:
    """Return what each user was given themselves on the repositories and projects paired with them."""
    return tx.rows(_DIRECT_THERE, account_id=owner.id, on_repositories=on_repositories, on_projects=on_projects)
