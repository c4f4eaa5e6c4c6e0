"""Access reviews that wait for somebody's answers, in whatever account."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, exists, func, or_, select

from onebucket.domain.reviews import PlaceKind, Review, Reviewers
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.review_rows import REVIEW, SOURCE
from onebucket.store.reviewed_access import KINDS, PRESENT, ROWS
from onebucket.store.tables import Id, access_review_rows, access_reviewers, access_reviews


class OpenRows(NamedTuple):
    """How many rows of an open review in one place wait, and whether the person was chosen to answer."""

    review: Review
    is_chosen: bool
    kind: PlaceKind
    place_id: str
    number: int


_is_chosen = exists().where(
    access_reviewers.c.account_id == access_reviews.c.account_id,
    access_reviewers.c.review_id == access_reviews.c.id,
    access_reviewers.c.person_id == bindparam("person_id", type_=Id),
)
_place = (
    access_review_rows.c.account_id,
    access_review_rows.c.review_id,
    access_review_rows.c.kind,
    access_review_rows.c.place_id,
)
_open = (
    select(*_place, func.count().label("number"))
    .select_from(ROWS)
    .where(
        access_review_rows.c.account_id.in_(values_of("accounts", Id)),
        access_review_rows.c.answer.is_(None),
        access_review_rows.c.person_id != bindparam("person_id", type_=Id),
        PRESENT.is_not(None),
    )
    .group_by(*_place)
    .subquery("open_rows")
)


def _open_rows(review: Review, is_chosen: Any, kind: str, place_id: str, number: int) -> OpenRows:
    return OpenRows(review, bool(is_chosen), KINDS[kind], place_id, number)


_OPEN_ROWS = joined(
    REVIEW,
    scalar(_is_chosen),
    scalar(_open.c.kind),
    scalar(_open.c.place_id),
    scalar(_open.c.number),
    make=_open_rows,
)
_WAITING = Statement(
    select(*_OPEN_ROWS.columns)
    .select_from(
        SOURCE.join(
            _open, and_(_open.c.account_id == access_reviews.c.account_id, _open.c.review_id == access_reviews.c.id)
        )
    )
    .where(
        access_reviews.c.closed_at.is_(None),
        access_reviews.c.account_id.in_(values_of("accounts", Id)),
        or_(_is_chosen, access_reviews.c.reviewers == Reviewers.ADMINISTRATORS.value),
    )
    .order_by(access_reviews.c.due_at, access_reviews.c.id),
    _OPEN_ROWS,
)


def waiting(tx: Transaction, account_ids: Iterable[str], person_id: str) -> list[OpenRows]:
    """Return what is open in reviews of these accounts for which a person was chosen, or administrators answer.

    What is their own, and what is gone, doesn't wait for them. The review that ends first is the first.
    """
    return tx.rows(_WAITING, accounts=account_ids, person_id=person_id)
