"""The shape of access reviews in JSON, and their rows in CSV: the API, the pages and the command line share them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from onebucket.actions.reviews import ListedReview, ReviewDetails
from onebucket.domain import reviews
from onebucket.domain.accounts import Account
from onebucket.domain.reviews import Review, Row, RowState
from onebucket.wire import csv_writer


class ReviewShape(Struct, frozen=True):
    """An access review of an account.

    `covers` names the project or the groups of the `scope`. `started_by` and `closed_by` are null where the command
    line or the clock did it. `rows` is how many it lists, `answered` how many of these were answered, or found changed
    or gone when it closed.
    """

    id: str
    account: str
    title: str
    state: str
    scope: str
    covers: list[str]
    reviewers: str
    ends_unanswered: bool
    started_at: str
    started_by: str | None
    until: str
    reminded_at: str | None
    closed_at: str | None
    closed_by: str | None
    rows: int
    answered: int


class RowShape(Struct, frozen=True):
    """Access of one person that a review lists: a membership of a group, or a level that was set for them.

    `level` is null for a membership. `now` is the level that there is now where it has changed. `note` is the reason
    of an answer, or why the access could not be ended.
    """

    number: int
    kind: str
    place: str
    user: str
    user_uuid: str
    level: str | None
    since: str
    until: str | None
    state: str
    now: str | None
    note: str
    answered_by: str | None
    answered_at: str | None


class ReviewDetailsShape(Struct, frozen=True):
    """A review with its rows, how many there are in each state, and the people who were chosen to answer."""

    review: ReviewShape
    people: list[str]
    counts: dict[str, int]
    rows: list[RowShape]


def listed_shape(owner: Account, listed: ListedReview) -> ReviewShape:
    """Shape one review of a list."""
    return _review(owner, listed.review, listed.rows, listed.answered)


def details_shape(details: ReviewDetails, rows: Sequence[Row] | None = None) -> ReviewDetailsShape:
    """Shape a review with some of its rows, by default all of them."""
    counts = reviews.counts(details.rows)
    answered = sum(row.answer is not None for row in details.rows)
    return ReviewDetailsShape(
        _review(details.owner, details.review, len(details.rows), answered),
        [each.username for each in details.people],
        {state.value: number for state, number in counts.items()},
        [row_shape(row) for row in (details.rows if rows is None else rows)],
    )


def _review(owner: Account, review: Review, rows: int, answered: int) -> ReviewShape:
    return ReviewShape(
        id=review.id,
        account=owner.username,
        title=review.title,
        state=review.state.value,
        scope=review.scope.value,
        covers=[*review.covers],
        reviewers=review.reviewers.value,
        ends_unanswered=review.ends_unanswered,
        started_at=_time(review.started_at),
        started_by=review.started_by,
        until=_time(review.due_at),
        reminded_at=_optional(review.reminded_at),
        closed_at=_optional(review.closed_at),
        closed_by=review.closed_by,
        rows=rows,
        answered=answered,
    )


def row_shape(row: Row) -> RowShape:
    """Shape one row."""
    is_changed = row.state is RowState.CHANGED and row.now is not None
    return RowShape(
        number=row.number,
        kind=row.kind.value,
        place=row.place,
        user=row.person.username,
        user_uuid=f"{{{row.person.id}}}",
        level=None if row.then.level is None else row.then.word(row.kind),
        since=_time(row.then.since),
        until=_optional(row.then.until),
        state=row.state.value,
        now=row.now.word(row.kind) if is_changed and row.now else None,
        note=row.note,
        answered_by=row.answered_by,
        answered_at=_optional(row.answered_at),
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")


def _optional(moment: datetime | None) -> str | None:
    return None if moment is None else _time(moment)


_COLUMNS = (
    "number", "kind", "place", "user", "level", "since", "until", "state", "now", "note", "answered_by", "answered_at",
)  # fmt: skip


def csv_text(rows: Iterable[Row]) -> str:
    """Return rows as CSV, heads first."""
    shapes = map(row_shape, rows)
    return csv_writer.text([_COLUMNS, *([getattr(shape, name) for name in _COLUMNS] for shape in shapes)])
