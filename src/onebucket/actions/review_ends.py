"""The end of access reviews, by an administrator or the clock: what nobody answered is listed, or ended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from onebucket.actions import access, groups, privileges, project_privileges
from onebucket.actions.reviewers import Asked
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, reviews
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Refusal
from onebucket.domain.reviews import REMINDER_PAUSE, Decision, PlaceKind, Review, ReviewState, Row, RowState
from onebucket.store import account_rows, review_rows, reviewed_access

# The reason of what the clock, or whoever closes a review, ends.
UNANSWERED = "nobody answered"
# What a reviewer can answer about.
WAITING = (RowState.OPEN, RowState.CHANGED)


def close(work: UnitOfWork, account_name: str, id: str) -> Review:
    """Close a review before its end, as its end would. Raises NotFound, Forbidden, Conflict."""
    owner, review = access.review(work, account_name, id, to=To.RUN_REVIEWS)
    return _close(work, owner, require_open(review))


def cancel(work: UnitOfWork, account_name: str, id: str) -> Review:
    """Close a review and end nothing; what was answered stays as it is. Raises NotFound, Forbidden, Conflict."""
    owner, review = access.review(work, account_name, id, to=To.RUN_REVIEWS)
    closed = review_rows.close(work.tx, require_open(review), by=work.actor.id, at=work.at, cancelled=True)
    work.record(Event.REVIEW_CANCELLED, owner, review.title, after={"review": review.id})
    assert closed is not None
    return replace(closed, closed_by=_name(work))


def remind(work: UnitOfWork, account_name: str, id: str) -> int:
    """Send a letter to everybody who is asked for an answer; return how many people those are.

    Raises NotFound, Forbidden, and Conflict also within a day of the last reminder.
    """
    owner, review = access.review(work, account_name, id, to=To.RUN_REVIEWS)
    require_open(review)
    if review.reminded_at is not None and work.at - review.reminded_at < REMINDER_PAUSE:
        raise Conflict("the reviewers were reminded less than a day ago")
    return _remind(work, owner, review, next_at=review.acts_at)


def apply_due(work: UnitOfWork, at: datetime) -> None:
    """Remind the reviewers of reviews that end soon, and close those whose end has come."""
    for review in review_rows.due(work.tx, at):
        owner = account_rows.by_id(work.tx, review.account_id)
        assert owner is not None
        if review.due_at <= at:
            _close(work, owner, review)
        else:
            _remind(work, owner, review, next_at=review.due_at)


def require_open(review: Review) -> Review:
    """Return the review if it takes answers. Raises Conflict."""
    if review.state is not ReviewState.OPEN:
        by = f" by {review.closed_by}" if review.closed_by else ""
        raise Conflict(f"the review was {review.state.value}{by} and takes no answers any more")
    return review


def on_behalf(actor: Actor) -> Actor:
    """Return the actor with the rights of the administrator who asked for their answers.

    A reviewer may end what a review lists, and nothing else: callers check that before.
    """
    return replace(actor, account=replace(actor.account, site_admin=True)) if actor.account else actor


def end_all(work: UnitOfWork, owner: Account, rows: Sequence[Row]) -> None:
    """Take the access away that rows list, in an order in which nobody loses the right to go on.

    Raises LastAdministrator, and Forbidden for a group that a directory keeps.
    """
    with work.on_behalf(on_behalf(work.actor)):
        for row in rows:
            _end(work, owner, row)


def _end(work: UnitOfWork, owner: Account, row: Row) -> None:
    match row.kind:
        case PlaceKind.GROUP:
            groups.remove_member(work, owner.id, row.place, row.person.id)
        case PlaceKind.REPOSITORY:
            privileges.revoke_direct(work, owner.id, row.place, row.person.id)
        case PlaceKind.PROJECT:
            project_privileges.unset_for_person(work, owner.id, row.place, row.person.id)


def record_answer(
    work: UnitOfWork, owner: Account, review: Review, answer: Decision, reason: str, rows: Sequence[Row]
) -> None:
    """Write into the journal what was answered about which rows."""
    facts = {"review": review.id, "answer": answer.value, "reason": reason, "rows": [row.what for row in rows]}
    work.record(Event.REVIEW_ANSWERED, owner, review.title, after=facts)


def _close(work: UnitOfWork, owner: Account, review: Review) -> Review:
    rows = reviewed_access.of_review(work.tx, review)
    unanswered = [row for row in rows if row.answer is None]
    found: list[tuple[Row, RowState, str]] = []
    ended = []
    for row in unanswered:
        state, note = row.state, ""
        if state is RowState.OPEN and review.ends_unanswered:
            try:
                end_all(work, owner, [row])
            except Refusal as refusal:
                state, note = RowState.UNANSWERED, f"not ended: {refusal.sentence}"
            else:
                state, note = RowState.ENDED, UNANSWERED
                ended.append(row)
        found.append((row, RowState.UNANSWERED if state is RowState.OPEN else state, note))
    reviewed_access.answer(work.tx, review, found, by=work.actor.id, at=work.at)
    if ended:
        record_answer(work, owner, review, Decision.END, UNANSWERED, ended)

    closed = review_rows.close(work.tx, review, by=work.actor.id, at=work.at)
    numbers = reviews.counts([row for row in rows if row.answer is not None])
    for _, state, _ in found:
        numbers[state] += 1
    counted = {state.value: number for state, number in numbers.items() if number}
    work.record(Event.REVIEW_CLOSED, owner, review.title, after={"review": review.id, **counted})
    work.notify_reviewers(owner, [review.starter_id] if review.starter_id else Asked(work.tx, owner, review).of_account)
    assert closed is not None
    return replace(closed, closed_by=_name(work))


def _remind(work: UnitOfWork, owner: Account, review: Review, *, next_at: datetime | None) -> int:
    waiting = [row for row in reviewed_access.of_review(work.tx, review) if row.state in WAITING]
    people = Asked(work.tx, owner, review).people(waiting)
    review_rows.remind(work.tx, review, work.at, next_at=next_at)
    facts = {"review": review.id, "until": ends.text(review.due_at), "open": len(waiting)}
    work.record(Event.REVIEW_REMINDED, owner, review.title, after={**facts, "reviewers": len(people)})
    work.notify_reviewers(owner, people)
    return len(people)


def _name(work: UnitOfWork) -> str | None:
    return work.actor.account.username if work.actor.account else None
