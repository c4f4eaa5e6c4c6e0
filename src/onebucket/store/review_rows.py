"""Access reviews in the database: the reviews themselves, and the people who were chosen to answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, null, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.reviews import Review, Reviewers, Scope
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.account_summaries import accounts_with_access
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import RowMapper, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import access_reviewers, access_reviews, accounts

_starter, _closer = accounts.alias("starter"), accounts.alias("closer")


def _review(row: Sequence[Any]) -> Review:
    account_id, id, title, scope, covers, reviewers, ends_unanswered, *times, cancelled, started_by, closed_by = row
    started_at, starter_id, due_at, acts_at, reminded_at, closed_at = times
    return Review(
        account_id,
        id,
        title,
        Scope(scope),
        tuple(covers.split()),
        Reviewers(reviewers),
        bool(ends_unanswered),
        timestamps.from_number(started_at),
        starter_id,
        timestamps.from_number(due_at),
        timestamps.optional_from_number(acts_at),
        timestamps.optional_from_number(reminded_at),
        timestamps.optional_from_number(closed_at),
        bool(cancelled),
        started_by,
        closed_by,
    )


_OWN = (
    "account_id", "id", "title", "scope", "covers", "reviewers", "ends_unanswered", "started_at", "started_by",
    "due_at", "acts_at", "reminded_at", "closed_at", "is_cancelled",
)  # fmt: skip
REVIEW = RowMapper((*(access_reviews.c[name] for name in _OWN), _starter.c.username, _closer.c.username), _review)
_of_account = access_reviews.c.account_id == bindparam("account_id")
_THIS = (access_reviews.c.account_id == bindparam("of_account"), access_reviews.c.id == bindparam("review_id"))
SOURCE = access_reviews.outerjoin(_starter, _starter.c.id == access_reviews.c.started_by).outerjoin(
    _closer, _closer.c.id == access_reviews.c.closed_by
)
_reviews = select(*REVIEW.columns).select_from(SOURCE)
_ONE = Statement(_reviews.where(*_THIS), REVIEW)
_newest_first = (access_reviews.c.started_at.desc(), access_reviews.c.id)
_ALL = Statement(_reviews.where(_of_account).order_by(*_newest_first), REVIEW)
_DUE = Statement(
    _reviews.where(access_reviews.c.acts_at.is_not(None), access_reviews.c.acts_at <= bindparam("at")).order_by(
        access_reviews.c.acts_at, access_reviews.c.account_id, access_reviews.c.id
    ),
    REVIEW,
)
_of_review = and_(
    access_reviewers.c.account_id == bindparam("account_id"), access_reviewers.c.review_id == bindparam("review_id")
)
_CHOSEN = Statement(
    select(*ACCOUNT.columns)
    .join(access_reviewers, access_reviewers.c.person_id == accounts.c.id)
    .where(_of_review)
    .order_by(accounts.c.username_key),
    ACCOUNT,
)
# Whoever was chosen answers as long as they have a part in the account.
_IS_REVIEWER = Statement(
    select(access_reviewers.c.person_id).where(
        _of_review,
        access_reviewers.c.person_id == bindparam("person_id"),
        access_reviewers.c.account_id.in_(accounts_with_access),
    ),
    scalar(access_reviewers.c.person_id),
)
_COUNT_OPEN = Statement(
    select(func.count()).select_from(access_reviews).where(_of_account, access_reviews.c.closed_at.is_(None)),
    scalar(func.count(), int),
)
_ADD = Statement(insert(access_reviews))
_ADD_REVIEWER = Statement(insert(access_reviewers))
_REMIND = Statement(
    update(access_reviews)
    .where(*_THIS, access_reviews.c.closed_at.is_(None))
    .values(acts_at=bindparam("next_at"), reminded_at=bindparam("at"))
)
_CLOSE = Statement(
    update(access_reviews)
    .where(*_THIS, access_reviews.c.closed_at.is_(None))
    .values(
        acts_at=null(), closed_at=bindparam("at"), closed_by=bindparam("person_id"), is_cancelled=bindparam("cancelled")
    )
)


def find(tx: Transaction, account_id: str, id: str) -> Review | None:
    """Return the account's review with that id."""
    return tx.row(_ONE, of_account=account_id, review_id=id)


def of_account(tx: Transaction, account_id: str) -> list[Review]:
    """Return an account's reviews, newest first."""
    return tx.rows(_ALL, account_id=account_id)


def due(tx: Transaction, at: datetime) -> list[Review]:
    """Return the reviews of all accounts about which the clock has something to do."""
    return tx.rows(_DUE, at=timestamps.to_number(at))


def chosen(tx: Transaction, review: Review) -> list[Account]:
    """Return the people who were chosen to answer, by username."""
    return tx.rows(_CHOSEN, account_id=review.account_id, review_id=review.id)


def is_reviewer(tx: Transaction, review: Review, person_id: str) -> bool:
    """Return whether a person was chosen to answer, and still has a part in the account."""
    return tx.row(_IS_REVIEWER, account_id=review.account_id, review_id=review.id, person_id=person_id) is not None


def count_open(tx: Transaction, account_id: str) -> int:
    """Return how many reviews of an account are open."""
    return tx.row(_COUNT_OPEN, account_id=account_id) or 0


def add(tx: Transaction, review: Review, reviewers: Sequence[Account]) -> None:
    """Store a new review, and who answers."""
    tx.run(
        _ADD,
        account_id=review.account_id,
        id=review.id,
        title=review.title,
        scope=review.scope.value,
        covers=" ".join(review.covers),
        reviewers=review.reviewers.value,
        ends_unanswered=review.ends_unanswered,
        started_at=timestamps.to_number(review.started_at),
        started_by=review.starter_id,
        due_at=timestamps.to_number(review.due_at),
        acts_at=tx.noted_end(review.acts_at),
        reminded_at=None,
        closed_at=None,
        closed_by=None,
        is_cancelled=False,
    )
    key = {"account_id": review.account_id, "review_id": review.id}
    tx.run_many(_ADD_REVIEWER, [{**key, "person_id": each.id} for each in reviewers])


def remind(tx: Transaction, review: Review, at: datetime, *, next_at: datetime | None) -> None:
    """Store that reviewers were reminded, and when the clock does something next."""
    number, next_number = timestamps.to_number(at), tx.noted_end(next_at)
    tx.run(_REMIND, of_account=review.account_id, review_id=review.id, at=number, next_at=next_number)


def close(tx: Transaction, review: Review, *, by: str | None, at: datetime, cancelled: bool = False) -> Review | None:
    """Close a review, and return it; None if somebody else has closed it."""
    number = timestamps.to_number(at)
    key = {"of_account": review.account_id, "review_id": review.id}
    if tx.run(_CLOSE, **key, at=number, person_id=by, cancelled=cancelled) != 1:
        return None
    return replace(review, acts_at=None, closed_at=at, is_cancelled=cancelled)
