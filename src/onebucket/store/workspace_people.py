"""The people of a workspace, filtered, sorted and read page by page; by id unless they are sorted."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, Table, bindparam, case, select, union

from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.workspaces import DatedAccount, Membership
from onebucket.store.email_rows import PRIMARY_EMAIL, PRIMARY_EMAIL_KEY
from onebucket.store.engine import timestamps
from onebucket.store.engine.filtered_select import FilteredSelect, Keys
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import Id, accounts, groups, memberships, privileges, project_privileges
from onebucket.store.workspace_rows import (
    ACCOUNT_COLUMNS,
    ADMINISTERS,
    COLLABORATOR,
    DATED_ACCOUNT,
    IN_GROUP,
    MEMBER,
    OWNER,
    ROLES,
)

_account_id: BindParameter[str] = bindparam("account_id", type_=Id)


def _in(table: Table) -> Select[Any]:
    return select(table.c.person_id).where(table.c.account_id == _account_id)


_members = _in(memberships)
_owner = select(accounts.c.id.label("person_id")).where(accounts.c.id == _account_id, accounts.c.is_team.is_(False))

_workspace = accounts.alias("workspace")
_created_at = select(_workspace.c.created_at).where(_workspace.c.id == _account_id).scalar_subquery()


def _rank(is_member: ColumnElement[bool]) -> ColumnElement[int]:
    return case(
        (accounts.c.id == _account_id, OWNER),
        (accounts.c.id.in_(_members.join(groups, IN_GROUP).where(ADMINISTERS)), OWNER),
        (is_member, MEMBER),
        else_=COLLABORATOR,
    )


# For the people of a page each is looked up; for the whole workspace all members are gathered once.
_rank_of_each = _rank(_members.where(memberships.c.person_id == accounts.c.id).correlate(accounts).exists())
_rank_of_all = _rank(accounts.c.id.in_(_members))
_PERSON = joined(
    scalar(_rank_of_each, ROLES.__getitem__),
    scalar(_created_at, timestamps.from_number),
    DATED_ACCOUNT,
    scalar(PRIMARY_EMAIL),
)


def _people(ids: Select[Any]) -> FilteredSelect[Any]:
    """List the people whose ids a query selects, each once."""
    [person_id] = ids.selected_columns
    return FilteredSelect(
        select(*_PERSON.columns),
        _PERSON,
        {**ACCOUNT_COLUMNS, "email_key": PRIMARY_EMAIL_KEY, "rank": _rank_of_all},
        unique=(accounts.c.id,),
        keys=Keys(ids, ids.join(accounts, accounts.c.id == person_id), (person_id,), (accounts.c.id,)),
    )


def _any_of(*queries: Select[Any]) -> Select[Any]:
    return select(union(*queries).subquery("people").c.person_id)


# The ids of a team's members come in the order of an index; nobody else is a member there.
_MEMBERS_OF_TEAM = _people(_members.distinct())
_MEMBERS = _people(_any_of(_members, _owner))
_PEOPLE = _people(_any_of(_members, _owner, _in(privileges), _in(project_privileges)))


def members(tx: Transaction, workspace: Account, query: ListQuery) -> tuple[list[Membership], int]:
    """Return the members of a workspace whom a query wants, and their number."""
    return _read(tx, _MEMBERS_OF_TEAM if workspace.is_team else _MEMBERS, workspace, query)


def everybody(tx: Transaction, workspace: Account, query: ListQuery) -> tuple[list[Membership], int]:
    """Like `members`, with the collaborators of a workspace."""
    return _read(tx, _PEOPLE, workspace, query)


def _read(
    tx: Transaction, listed: FilteredSelect[Any], workspace: Account, query: ListQuery
) -> tuple[list[Membership], int]:
    found, size = listed.read(tx, query, account_id=workspace.id)
    return [
        Membership(DatedAccount(workspace, created_at), person, role, email)
        for role, created_at, person, email in found
    ], size
