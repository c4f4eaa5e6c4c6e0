"""Answers in an access review: several rows kept or ended at once, after a preview of who would lose what."""

from collections.abc import Sequence
from dataclasses import dataclass

from onebucket.actions import access, access_effects, administrators, pending_invitations, review_ends, reviews
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.reviews import ReviewDetails
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound, Refusal
from onebucket.domain.reviews import MAX_ANSWERED, Decision, PlaceKind, Review, Row, RowState, clean_reason
from onebucket.store import access_inputs, changed_inputs, group_rows, repository_rows, reviewed_access
from onebucket.store.access_inputs import AccessInputs


@dataclass(frozen=True, slots=True)
class EndPreview:
    """What ending the access of some rows does: `rows` can be ended, `refused` can't, and a sentence says why."""

    owner: Account
    review: Review
    rows: list[Row]
    refused: list[tuple[Row, str]]
    effects: list[AccessChange]
    endings: list[Ending]


def answer(
    work: UnitOfWork, account_name: str, id: str, numbers: Sequence[int], answer: Decision, reason: str = ""
) -> list[Row]:
    """Keep or end the access of rows, all of them or none, and return them.

    Raises NotFound, Forbidden for one's own access and for a group that a directory keeps, LastAdministrator, and
    Conflict for a row that somebody has answered, or whose access is gone or has changed.
    """
    details = reviews.read(work, account_name, id)
    owner, review = details.owner, review_ends.require_open(details.review)
    note = clean_reason(reason, answer)
    rows = _chosen(details, numbers)
    for row in rows:
        _check(work, row, answer)

    if answer is Decision.END:
        kept = {group.id for group in group_rows.of_account(work.tx, owner.id) if group.account_privilege}
        # What makes an administrator of the account goes last.
        review_ends.end_all(work, owner, sorted(rows, key=lambda row: row.place_id in kept))
    reviewed_access.answer(work.tx, review, [(row, answer.state, note) for row in rows], by=work.actor.id, at=work.at)
    review_ends.record_answer(work, owner, review, answer, note, rows)
    return rows


def plan(work: UnitOfWork, account_name: str, id: str, numbers: Sequence[int]) -> EndPreview:
    """Compute who would lose what if the access of rows ended; changes nothing.

    Raises NotFound, Forbidden, and Conflict for a review that is closed.
    """
    details = reviews.read(work, account_name, id)
    owner = details.owner
    review_ends.require_open(details.review)
    by_id = {group.id: group for group in group_rows.of_account(work.tx, owner.id)}
    rows, refused = [], []
    for row in _chosen(details, numbers):
        try:
            _check(work, row, Decision.END)
            if (group := by_id.get(row.place_id)) is not None:
                _check_group(work, owner, group, row)
        except Refusal as refusal:
            refused.append((row, refusal.sentence))
        else:
            rows.append(row)
    effects, endings = _effects(work, owner, rows)
    return EndPreview(owner, details.review, rows, refused, effects, endings)


def _chosen(details: ReviewDetails, numbers: Sequence[int]) -> list[Row]:
    if not numbers:
        raise Invalid("choose at least one row")
    if len(numbers) > MAX_ANSWERED:
        raise Invalid(f"that is more than {MAX_ANSWERED:,} rows at once")
    by_number = {row.number: row for row in details.rows}
    for number in numbers:
        if number not in by_number:
            raise NotFound(f"the review has no row {number} that you may answer")
    return [by_number[number] for number in dict.fromkeys(numbers)]


def _check(work: UnitOfWork, row: Row, answer: Decision) -> None:
    """Refuse an answer about one's own access, and about a row that isn't open. Raises Forbidden, Conflict."""
    if row.person.id == work.actor.id:
        raise Forbidden(f"nobody answers about their own access: leave {row.what} to another reviewer")
    if row.answer is not None:
        raise Conflict(
            f"{row.answered_by or 'somebody'} has {row.answer.value} {row.what} already: nothing was changed"
        )
    if row.state is RowState.GONE:
        raise Conflict(f"this access is gone, so there is nothing to answer: {row.what}")
    if answer is Decision.END and row.now is not None and row.state is RowState.CHANGED:
        raise Conflict(
            f"this access has changed since the review started, to {row.now.word(row.kind)}, so it isn't ended here: "
            f"{row.what}"
        )


def _check_group(work: UnitOfWork, owner: Account, group: Group, row: Row) -> None:
    access.check_not_kept(work, group)
    deed = f"remove {row.person.username} from {group.slug}"
    administrators.keep_one(work, owner, group, deed=deed, person=row.person)


def _effects(work: UnitOfWork, owner: Account, rows: Sequence[Row]) -> tuple[list[AccessChange], list[Ending]]:
    people = [*{row.person.id: row.person for row in rows}.values()]
    memberships = {(row.place_id, row.person.id) for row in rows if row.kind is PlaceKind.GROUP}
    direct = {(row.place_id, row.person.id) for row in rows if row.kind is not PlaceKind.GROUP}

    def without(inputs: AccessInputs) -> AccessInputs:
        return changed_inputs.without_access(inputs, memberships, direct)

    repositories = repository_rows.of_account(work.tx, owner.id)
    now = access_inputs.load(work.tx, owner, repositories, people)
    effects = access_effects.compare(people, repositories, now, without(now))
    return effects, pending_invitations.predict(work, owner, people, then=without)
