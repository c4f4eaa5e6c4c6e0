"""What decides who may do what, in one query: memberships, and the privileges on repositories and projects."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, bindparam, literal_column, select, union_all

from onebucket.domain.accounts import Account
from onebucket.store.access_rows import GRANTER, MEMBERSHIP, MembershipRow, PrivilegeRow, memberships_of_people
from onebucket.store.engine.index_hints import looked_up_among, without_index
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    Id,
    group_privileges,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
    projects,
)

# Every row has the columns of a membership, after its kind.
_MEMBER, _FOR_GROUP, _FOR_PERSON = 0, 1, 2


def _given(kind: int, table: Table, is_there: Callable[[FromClause], ColumnElement[bool]]) -> Select[Any]:
    """Select what was given to groups or users of the account in places, where the condition holds."""
    given = table.alias("given")
    source = given.outerjoin(GRANTER, GRANTER.c.id == given.c.granted_by)
    place_id = _place_id(given)
    shown: ColumnElement[Any] = literal_column("NULL")
    if "project_id" in given.c:
        shown = projects.c.key
        source = source.join(projects, and_(projects.c.account_id == given.c.account_id, projects.c.id == place_id))
    return (
        select(
            literal_column(str(kind)), place_id, _holder_id(given), shown, given.c.level, literal_column("NULL"),
            given.c.granted_at, GRANTER.c.username, literal_column("NULL"), given.c.ends_at,
        )
        .select_from(source)
        .where(is_there(given))
    )  # fmt: skip


def _place_id(given: FromClause) -> ColumnElement[Any]:
    return given.c.project_id if "project_id" in given.c else given.c.repository_id


def _holder_id(given: FromClause) -> ColumnElement[Any]:
    return given.c.group_id if "group_id" in given.c else given.c.person_id


def _is_in_places(given: FromClause) -> ColumnElement[bool]:
    places = values_of("projects" if "project_id" in given.c else "repositories", Id)
    return and_(given.c.account_id == bindparam("account_id"), _place_id(given).in_(places))


def _combined(
    of_groups: Callable[[FromClause], ColumnElement[bool]], of_people: Callable[[FromClause], ColumnElement[bool]]
) -> Statement[Row]:
    rows = union_all(
        memberships_of_people.with_only_columns(literal_column(str(_MEMBER)).label("kind"), *MEMBERSHIP.columns),
        *(_given(_FOR_GROUP, table, of_groups) for table in (group_privileges, project_group_privileges)),
        *(_given(_FOR_PERSON, table, of_people) for table in (privileges, project_privileges)),
    ).subquery("combined")
    return Statement(select(literal_column("*")).select_from(rows))


# For a few users on a few repositories. What is set for groups is looked up by those of the users: any number of
# others may have something there. The text stays below 4,096 characters: psycopg parses a longer one at each use.
_people = values_of("people", Id).cte("people")
_mine = memberships.alias("mine")
_groups_of_people = (
    select(_mine.c.group_id)
    .where(_mine.c.person_id.in_(select(_people.c.value)), without_index(_mine.c.account_id) == bindparam("account_id"))
    .cte("groups_of_people")
)
_FEW = _combined(
    lambda given: and_(_is_in_places(given), looked_up_among(given.c.group_id, select(_groups_of_people.c.group_id))),
    lambda given: and_(_is_in_places(given), looked_up_among(given.c.person_id, select(_people.c.value))),
)

# For any users on any repositories: what is set for all groups there, and what the users were given anywhere.
_WHOLE = _combined(
    _is_in_places,
    lambda given: and_(
        given.c.person_id.in_(values_of("people", Id)),
        without_index(given.c.account_id) == bindparam("account_id"),
    ),
)


class AccessRows(NamedTuple):
    """What decides about some users on some repositories: memberships by user, and what is set there."""

    memberships: dict[str, list[MembershipRow]]
    for_groups: list[PrivilegeRow]
    for_people: list[PrivilegeRow]


def few(
    tx: Transaction, owner: Account, people: Iterable[str], repositories: Iterable[str], projects: Iterable[str]
) -> AccessRows:
    """Return what `memberships_of`, `set_for_pairs` and `given_to_pairs` do, in one query.

    `people` are ids. Looks each user up on each repository.
    """
    return _access_rows(tx, _FEW, account_id=owner.id, people=people, repositories=repositories, projects=projects)


def whole(
    tx: Transaction, owner: Account, people: Iterable[str], repositories: Iterable[str], projects: Iterable[str]
) -> AccessRows:
    """Return the memberships of these users, all that is set for groups in these places, and what the users were given.

    `people` are ids. What the users were given is that on all of the account's repositories and projects.
    """
    return _access_rows(tx, _WHOLE, account_id=owner.id, people=people, repositories=repositories, projects=projects)


def _access_rows(tx: Transaction, statement: Statement[Row], **values: Any) -> AccessRows:
    rows = AccessRows({}, [], [])
    given = {_FOR_GROUP: rows.for_groups, _FOR_PERSON: rows.for_people}
    for kind, first, second, word, level, account_privilege, at, by, directory, ends_at in tx.rows(statement, **values):
        if kind == _MEMBER:
            row = MembershipRow(first, second, word, level, account_privilege, at, by, directory, ends_at)
            rows.memberships.setdefault(first, []).append(row)
        else:
            given[kind].append(PrivilegeRow(first, second, level, at, by, word, ends_at))
    return rows
