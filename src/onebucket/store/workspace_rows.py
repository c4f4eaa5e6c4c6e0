"""What a person is in which workspace."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import FromClause, and_, bindparam, case, func, literal, select, union_all

from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.workspaces import DatedAccount, Membership, Role
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.email_rows import PRIMARY_EMAIL
from onebucket.store.engine import timestamps
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, groups, memberships, privileges, project_privileges

DATED_ACCOUNT = joined(ACCOUNT, scalar(accounts.c.created_at, timestamps.from_number), make=DatedAccount)

_BY_ID = Statement(select(*DATED_ACCOUNT.columns).where(accounts.c.id == bindparam("id")), DATED_ACCOUNT)

# The strongest role of a person in a workspace decides.
ROLES = {role.rank: role for role in Role}
COLLABORATOR, MEMBER, OWNER = (literal(role.rank) for role in (Role.COLLABORATOR, Role.MEMBER, Role.OWNER))
IN_GROUP = and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)
ADMINISTERS = groups.c.account_privilege == AccountPrivilege.ADMIN.value


def _roles(of: Callable[[Any, Any], Any]) -> Any:
    """Select the account, the person and the rank of every role, once for each; `of(account, person)` limits them."""

    def given(table: FromClause) -> Any:
        columns = table.c.account_id, table.c.person_id
        return select(*columns, COLLABORATOR.label("rank")).where(of(*columns))

    ranks = union_all(
        select(
            memberships.c.account_id, memberships.c.person_id, case((ADMINISTERS, OWNER), else_=MEMBER).label("rank")
        )
        .join(groups, IN_GROUP)
        .where(of(memberships.c.account_id, memberships.c.person_id)),
        given(privileges),
        given(project_privileges),
        select(accounts.c.id, accounts.c.id, OWNER.label("rank")).where(
            accounts.c.is_team.is_(False), of(accounts.c.id, accounts.c.id)
        ),
    ).subquery("ranks")
    account_id, person_id, rank = ranks.c
    return (
        select(account_id.label("account_id"), person_id.label("person_id"), func.max(rank).label("rank"))
        .group_by(account_id, person_id)
        .subquery("roles")
    )


_there = _roles(
    lambda account_id, person_id: and_(account_id == bindparam("account_id"), person_id == bindparam("person_id"))
)
_PERSON = joined(scalar(_there.c.rank, ROLES.__getitem__), DATED_ACCOUNT, scalar(PRIMARY_EMAIL))
_ONE = Statement(select(*_PERSON.columns).join_from(_there, accounts, accounts.c.id == _there.c.person_id), _PERSON)

# What lists can be filtered and sorted by of an account.
ACCOUNT_COLUMNS = {
    "id": accounts.c.id,
    "aaid": accounts.c.aaid,
    "username": accounts.c.username,
    "display_name": accounts.c.display_name,
    "nickname": func.coalesce(accounts.c.nickname, accounts.c.username),
    "created_at": accounts.c.created_at,
}
_of_person = _roles(lambda account_id, person_id: person_id == bindparam("person_id"))
_WORKSPACE = joined(scalar(_of_person.c.rank, ROLES.__getitem__), DATED_ACCOUNT)
_WORKSPACES = FilteredSelect(
    select(*_WORKSPACE.columns)
    .join_from(_of_person, accounts, accounts.c.id == _of_person.c.account_id)
    .where(_of_person.c.rank >= bindparam("least")),
    _WORKSPACE,
    {**ACCOUNT_COLUMNS, "rank": _of_person.c.rank},
    unique=(accounts.c.username_key,),
)


def dated(tx: Transaction, account: Account) -> DatedAccount:
    """Return an account that has been loaded already with the time of its creation."""
    found = tx.row(_BY_ID, id=account.id)
    assert found is not None
    return found


def person(tx: Transaction, workspace: DatedAccount, person_id: str) -> Membership | None:
    """Return what a person is in a workspace; None if they are nothing there."""
    found = tx.row(_ONE, account_id=workspace.account.id, person_id=person_id)
    if found is None:
        return None
    role, dated_person, email = found
    return Membership(workspace, dated_person, role, email)


def workspaces(tx: Transaction, person: DatedAccount, query: ListQuery, *, least: Role) -> tuple[list[Membership], int]:
    """Return the workspaces where a person has at least that role that a query wants, by name, and their number."""
    found, size = _WORKSPACES.read(tx, query, person_id=person.account.id, least=least.rank)
    return [Membership(workspace, person, role) for role, workspace in found], size
