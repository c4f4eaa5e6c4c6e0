"""What a person may find by a word, wherever it is: accounts, groups and people."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, false, func, or_, select, true, tuple_, union

from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.account_summaries import accounts_with_access
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import joined
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.tables import Id, accounts, groups, memberships, privileges, project_privileges

_person_id = bindparam("person_id", type_=Id)
_memberships = memberships.join(
    groups, (groups.c.account_id == memberships.c.account_id) & (groups.c.id == memberships.c.group_id)
)
# The accounts that the person administers.
_administered = union(
    select(memberships.c.account_id)
    .select_from(_memberships)
    .where(memberships.c.person_id == _person_id, groups.c.account_privilege == AccountPrivilege.ADMIN.value),
    select(_person_id),
)
_own_groups = select(memberships.c.account_id, memberships.c.group_id).where(memberships.c.person_id == _person_id)
# Whether somebody has a part in one of them: a look into an index for each that is called so. As a list of everybody
# who has, PostgreSQL would go through it once for each of them.
_has_part = or_(
    *(
        select(table.c.account_id)
        .where(table.c.person_id == accounts.c.id, table.c.account_id.in_(_administered))
        .correlate(accounts)
        .exists()
        for table in (memberships, privileges, project_privileges)
    )
)
_NAMES = {"username": accounts.c.username, "name": accounts.c.display_name}
_shortest_first = (func.length(accounts.c.username), accounts.c.username_key)


def _accounts(*condition: ColumnElement[bool]) -> FilteredSelect[Account]:
    return FilteredSelect(select(*ACCOUNT.columns).where(*condition), ACCOUNT, _NAMES, unique=_shortest_first)


_GROUP_AND_OWNER = joined(GROUP, ACCOUNT)


def _groups(*condition: ColumnElement[bool]) -> FilteredSelect[tuple[Group, Account]]:
    query: Select[Any] = select(*_GROUP_AND_OWNER.columns).join_from(
        groups, accounts, accounts.c.id == groups.c.account_id
    )
    columns = {"name": groups.c.name, "slug": groups.c.slug}
    order = (func.length(groups.c.slug), groups.c.slug, accounts.c.username_key)
    return FilteredSelect(query.where(*condition), _GROUP_AND_OWNER, columns, unique=order)


_TEAMS = _accounts(accounts.c.is_team == true(), accounts.c.id.in_(accounts_with_access))
_ALL_TEAMS = _accounts(accounts.c.is_team == true())
_PEOPLE = _accounts(accounts.c.is_team == false(), _has_part)
# For each of some people, the first of the accounts that the person administers and in which they have a part. Asked
# for those that were found: PostgreSQL would compute it for everybody before it sorts.
_owner = accounts.alias("owner")
_parts = union(
    *(
        select(table.c.person_id, table.c.account_id).where(
            table.c.person_id.in_(values_of("people", Id)), table.c.account_id.in_(_administered)
        )
        for table in (memberships, privileges, project_privileges)
    )
).subquery("parts")
_WHERE = Statement(
    select(_parts.c.person_id, func.min(_owner.c.username))
    .join_from(_parts, _owner, _owner.c.id == _parts.c.account_id)
    .group_by(_parts.c.person_id)
)
# How many of all people that match are looked at first.
_NEAREST = 50
_ALL_PEOPLE = _accounts(accounts.c.is_team == false())
_GROUPS = _groups(
    or_(groups.c.account_id.in_(_administered), tuple_(groups.c.account_id, groups.c.id).in_(_own_groups))
)
_ALL_GROUPS = _groups()


def teams(tx: Transaction, person: Account, query: ListQuery) -> list[Account]:
    """Return the teams that a person has a part in, or all for a site administrator; short usernames first."""
    return (_ALL_TEAMS if person.site_admin else _TEAMS).read(tx, query, **_values(person))[0]


def people(tx: Transaction, person: Account, query: ListQuery) -> list[tuple[Account, str | None]]:
    """Return the people in the accounts that a person administers, each with one of these; short usernames first.

    For a site administrator they are all people, without an account.
    """
    if person.site_admin:
        return [(each, None) for each in _ALL_PEOPLE.read(tx, query)[0]]
    # Often there are enough of them among the first of all that match, and then nobody is looked up after these.
    nearest = _ALL_PEOPLE.read(tx, replace(query, limit=_NEAREST))[0]
    found = _in_administered(tx, person, nearest)
    if len(found) < query.limit and len(nearest) == _NEAREST:
        found = _in_administered(tx, person, _PEOPLE.read(tx, query, **_values(person))[0])
    return found[: query.limit]


def _in_administered(tx: Transaction, person: Account, some: Sequence[Account]) -> list[tuple[Account, str | None]]:
    """Return those who are in accounts that the person administers, each with the first of these."""
    if not some:
        return []
    where: dict[str, str] = dict(tx.rows(_WHERE, people=[each.id for each in some], **_values(person)))
    return [(each, where[each.id]) for each in some if each.id in where]


def found_groups(tx: Transaction, person: Account, query: ListQuery) -> list[tuple[Group, Account]]:
    """Return a person's groups and those of accounts that they administer, each with its account, short slugs first."""
    return (_ALL_GROUPS if person.site_admin else _GROUPS).read(tx, query, **_values(person))[0]


def _values(person: Account) -> dict[str, str]:
    return {} if person.site_admin else {"person_id": person.id}
