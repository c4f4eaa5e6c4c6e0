"""The rows of access reviews in the database: access when a review started, beside what there is of it now."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, insert, literal_column, select, update

from onebucket.domain.reviews import Grant, PlaceKind, Review, Row, RowState
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import RowMapper, named
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import (
    Id,
    access_review_rows,
    accounts,
    groups,
    memberships,
    privileges,
    project_privileges,
    projects,
    repositories,
)

_PLACES: dict[PlaceKind, tuple[Table, str, Table, ColumnElement[Any], str]] = {
    PlaceKind.GROUP: (memberships, "group_id", groups, groups.c.slug, "added_at"),
    PlaceKind.REPOSITORY: (privileges, "repository_id", repositories, repositories.c.slug, "granted_at"),
    PlaceKind.PROJECT: (project_privileges, "project_id", projects, projects.c.key, "granted_at"),
}


class PresentAccess(NamedTuple):
    """Access of a person in a place, as the tables hold it."""

    place_id: str
    place: str
    person_id: str
    level: int | None
    since: int
    until: int | None


def _present(kind: PlaceKind, *, among: bool) -> Statement[PresentAccess]:
    table, place_column, places, name, since = _PLACES[kind]
    place_id = table.c[place_column]
    level: ColumnElement[Any] = table.c.level if "level" in table.c else literal_column("NULL")
    mapper = named(PresentAccess, place_id, name, table.c.person_id, level, table.c[since], table.c.ends_at)
    there = [place_id.in_(values_of("places", Id))] if among else []
    has_level = [table.c.level > 0] if "level" in table.c else []
    return Statement(
        select(*mapper.columns)
        .join(places, and_(places.c.account_id == table.c.account_id, places.c.id == place_id))
        .join(accounts, accounts.c.id == table.c.person_id)
        .where(table.c.account_id == bindparam("account_id"), *has_level, *there)
        .order_by(name, accounts.c.username_key),
        mapper,
    )


_EVERYWHERE = {kind: _present(kind, among=False) for kind in PlaceKind}
_THERE = {kind: _present(kind, among=True) for kind in PlaceKind}


def present(
    tx: Transaction, account_id: str, kind: PlaceKind, places: Iterable[str] | None = None
) -> list[PresentAccess]:
    """Return what people themselves have in places of a kind, or in those with these ids, by place and username."""
    if places is None:
        return tx.rows(_EVERYWHERE[kind], account_id=account_id)
    return tx.rows(_THERE[kind], account_id=account_id, places=places)


_answerer = accounts.alias("answerer")
_of_review = and_(
    access_review_rows.c.account_id == bindparam("account_id"), access_review_rows.c.review_id == bindparam("review_id")
)
ROWS = access_review_rows.join(accounts, accounts.c.id == access_review_rows.c.person_id).outerjoin(
    _answerer, _answerer.c.id == access_review_rows.c.answered_by
)
# The ids of a row match the grant of its own kind only.
for _table, _column, _place, *_ in _PLACES.values():
    ROWS = ROWS.outerjoin(
        _table,
        and_(
            _table.c.account_id == access_review_rows.c.account_id,
            _table.c[_column] == access_review_rows.c.place_id,
            _table.c.person_id == access_review_rows.c.person_id,
        ),
    ).outerjoin(
        _place,
        and_(_place.c.account_id == access_review_rows.c.account_id, _place.c.id == access_review_rows.c.place_id),
    )

# Since when there is the access of a row; NULL if it is gone.
PRESENT = func.coalesce(memberships.c.added_at, privileges.c.granted_at, project_privileges.c.granted_at)
_COLUMNS = (
    access_review_rows.c.number,
    access_review_rows.c.kind,
    access_review_rows.c.place_id,
    func.coalesce(groups.c.slug, repositories.c.slug, projects.c.key, access_review_rows.c.place),
    access_review_rows.c.level,
    access_review_rows.c.since,
    access_review_rows.c.until,
    func.coalesce(privileges.c.level, project_privileges.c.level),
    PRESENT,
    func.coalesce(memberships.c.ends_at, privileges.c.ends_at, project_privileges.c.ends_at),
    access_review_rows.c.answer,
    access_review_rows.c.note,
    _answerer.c.username,
    access_review_rows.c.answered_at,
)
KINDS = {kind.value: kind for kind in PlaceKind}
_STATES = {None: None} | {state.value: state for state in RowState}


def _grant(level: int | None, since: int, until: int | None) -> Grant:
    return Grant(level, timestamps.from_number(since), timestamps.optional_from_number(until))


def _row(values: Sequence[Any]) -> Row:
    number, kind, place_id, place, *grants, answer, note, answered_by, answered_at = values[: len(_COLUMNS)]
    then = _grant(*grants[:3])
    level, since, until = grants[3:]
    is_same = since is not None and [level, since, until] == grants[:3]
    return Row(
        number,
        KINDS[kind],
        place_id,
        place,
        ACCOUNT.convert(values[len(_COLUMNS) :]),
        then,
        then if is_same else None if since is None else _grant(level, since, until),
        _STATES[answer],
        note,
        answered_by,
        timestamps.optional_from_number(answered_at),
    )


_ROW = RowMapper((*_COLUMNS, *ACCOUNT.columns), _row)
_rows = select(*_ROW.columns).select_from(ROWS).where(_of_review).order_by(access_review_rows.c.number)
_ALL = Statement(_rows, _ROW)
_ADD = Statement(insert(access_review_rows))
_ANSWER = Statement(
    update(access_review_rows)
    .where(
        access_review_rows.c.account_id == bindparam("of_account"),
        access_review_rows.c.review_id == bindparam("of_review"),
        access_review_rows.c.number == bindparam("its_number"),
        access_review_rows.c.answer.is_(None),
    )
    .values(
        answer=bindparam("new_answer"),
        note=bindparam("new_note"),
        answered_by=bindparam("person_id"),
        answered_at=bindparam("at"),
    )
)


def of_review(tx: Transaction, review: Review) -> list[Row]:
    """Return everything that a review lists, in its order, with what there is of it now."""
    return tx.rows(_ALL, account_id=review.account_id, review_id=review.id)


_NUMBERS = Statement(
    select(access_review_rows.c.review_id, func.count(), func.count(access_review_rows.c.answer))
    .where(access_review_rows.c.account_id == bindparam("account_id"))
    .group_by(access_review_rows.c.review_id)
)


def numbers(tx: Transaction, account_id: str) -> dict[str, tuple[int, int]]:
    """Return how many rows each review of an account has, and how many are answered, by the review's id."""
    return {id: (total, answered) for id, total, answered in tx.rows(_NUMBERS, account_id=account_id)}


def add(tx: Transaction, review: Review, found: Iterable[tuple[PlaceKind, PresentAccess]]) -> None:
    """Store what a new review lists, numbered from 1."""
    tx.run_many(
        _ADD,
        [
            {
                "account_id": review.account_id,
                "review_id": review.id,
                "number": number,
                "kind": kind.value,
                **access._asdict(),
                "answer": None,
                "note": "",
                "answered_by": None,
                "answered_at": None,
            }
            for number, (kind, access) in enumerate(found, 1)
        ],
    )


def answer(
    tx: Transaction, review: Review, rows: Iterable[tuple[Row, RowState, str]], *, by: str | None, at: datetime
) -> None:
    """Store what became of rows, each with a note; one that was answered already stays as it is."""
    key = {"of_account": review.account_id, "of_review": review.id, "person_id": by, "at": timestamps.to_number(at)}
    tx.run_many(
        _ANSWER,
        [{**key, "its_number": row.number, "new_answer": state.value, "new_note": note} for row, state, note in rows],
    )
