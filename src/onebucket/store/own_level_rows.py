"""The repositories on which a person has a level, with that level: filtered, sorted and read page by page."""

from typing import Any

from sqlalchemy import ColumnElement, literal, or_, select

from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.transaction import Transaction
from onebucket.store.repository_levels import ACCOUNT_ID, PersonLevels
from onebucket.store.repository_rows import REPOSITORY
from onebucket.store.tables import accounts, repositories

# A repository, its account, and the person's level.
LevelThere = tuple[Account, Repository, Level]

_LEVELS = {int(level): level for level in Level}


def _list(level: ColumnElement[int], *condition: ColumnElement[bool]) -> FilteredSelect[LevelThere]:
    mapper = joined(ACCOUNT, REPOSITORY, scalar(level, _LEVELS.__getitem__))
    columns = {
        "repository.id": repositories.c.id,
        "repository.slug": repositories.c.slug,
        "repository.name": repositories.c.name,
        "repository.full_name": accounts.c.username + "/" + repositories.c.slug,
        "level": level,
    }
    query = select(*mapper.columns).join_from(repositories, accounts, accounts.c.id == repositories.c.account_id)
    return FilteredSelect(
        query.where(*condition), mapper, columns, unique=(accounts.c.username_key, repositories.c.slug)
    )


def _of_person(levels: PersonLevels, *condition: ColumnElement[bool]) -> FilteredSelect[Any]:
    return _list(levels.level(), *condition, or_(levels.administers(), levels.has(Level.READ)))


_in_account = repositories.c.account_id == ACCOUNT_ID
_there, _anywhere = PersonLevels(in_account=True), PersonLevels(in_account=False)
_admin = literal(int(Level.ADMIN))
_THERE, _ALL_THERE = _of_person(_there, _in_account), _list(_admin, _in_account)
_ANYWHERE, _ALL_ANYWHERE = _of_person(_anywhere, _anywhere.is_in_account()), _list(_admin)


def in_account(tx: Transaction, person: Account, owner: Account, query: ListQuery) -> tuple[list[LevelThere], int]:
    """Return the part of the repositories of an account with a level of a person that a query wants, by slug.

    Levels that a public repository gives to everybody are left out.
    """
    if person.site_admin:
        return _ALL_THERE.read(tx, query, account_id=owner.id)
    return _THERE.read(tx, query, account_id=owner.id, person_id=person.id)


def anywhere(tx: Transaction, person: Account, query: ListQuery) -> tuple[list[LevelThere], int]:
    """Like `in_account`, in all accounts, by full name."""
    if person.site_admin:
        return _ALL_ANYWHERE.read(tx, query)
    return _ANYWHERE.read(tx, query, person_id=person.id)
