"""Access reviews: an administrator starts one, and reads how far it is; reviewers see what waits for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from onebucket.actions import access, reviewers
from onebucket.actions.reviewers import Asked
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, reviews
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndWish
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Facts
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Forbidden, Invalid
from onebucket.domain.reviews import MAX_OPEN, MAX_REVIEWERS, MAX_ROWS, PlaceKind, Review, Reviewers, Row, Scope
from onebucket.store import (
    account_summaries,
    group_rows,
    level_rows,
    repository_rows,
    review_rows,
    reviewed_access,
    waiting_reviews,
)
from onebucket.store.reviewed_access import PresentAccess

# On how many accounts' places the first page looks for somebody who administers only some.
_MOST_LOOKED_AT = 2


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """What an administrator asks for: the scope, who answers, until when, and what becomes of open rows.

    Without `project` and `groups` it is the whole account; without `people`, administrators of each place answer.
    """

    until: EndWish
    title: str = ""
    project: str | None = None
    groups: Sequence[str] = ()
    people: Sequence[str] = ()
    ends_unanswered: bool = False


@dataclass(frozen=True, slots=True)
class ReviewDetails:
    """A review with those of its rows that the actor sees, and the people who were chosen to answer."""

    owner: Account
    review: Review
    rows: list[Row]
    people: list[Account] = field(default_factory=list)
    administers: bool = False


@dataclass(frozen=True, slots=True)
class ListedReview:
    """A review, how many rows it has, and how many of them are answered."""

    review: Review
    rows: int
    answered: int


@dataclass(frozen=True, slots=True)
class WaitingReview:
    """An open review, and how many answers of the actor's it waits for."""

    owner: Account
    review: Review
    open: int


def start(work: UnitOfWork, account_name: str, plan: ReviewPlan) -> ReviewDetails:
    """Start a review: list the access that there is now, and send a letter to everybody who is asked.

    Raises NotFound, NoSuchGroup, Forbidden, Conflict for too many that are open, Invalid.
    """
    owner = access.account(work, account_name, to=To.RUN_REVIEWS)
    due_at = reviews.due(plan.until, at=work.at)
    people = _people(work, owner, plan.people)
    if review_rows.count_open(work.tx, owner.id) >= MAX_OPEN:
        raise Conflict(f"{owner.username} has {MAX_OPEN} open reviews: close one first")
    scope, covers, found = _scope(work, owner, plan)
    if not found:
        raise Invalid("there is no access to review there")
    if len(found) > MAX_ROWS:
        raise Invalid(f"that is more than {MAX_ROWS:,} rows: review a project or some groups at a time")

    at = work.next_timestamp()
    review = Review(
        owner.id,
        work.new_id(),
        "",
        scope,
        covers,
        Reviewers.PEOPLE if people else Reviewers.ADMINISTRATORS,
        plan.ends_unanswered,
        at,
        work.actor.id,
        due_at,
        reviews.reminder(due_at, at=at),
    )
    text = review.scope_text
    review = replace(review, title=reviews.clean_title(plan.title, text[:1].upper() + text[1:]))
    review_rows.add(work.tx, review, people)
    reviewed_access.add(work.tx, review, found)

    rows = reviewed_access.of_review(work.tx, review)
    work.record(Event.REVIEW_STARTED, owner, review.title, after=_facts(review, people, rows))
    work.notify_reviewers(owner, Asked(work.tx, owner, review).people(rows))
    return ReviewDetails(owner, review, rows, people, administers=True)


def _facts(review: Review, people: Sequence[Account], rows: Sequence[Row]) -> Facts:
    return {
        "review": review.id,
        "scope": review.scope.value,
        "covers": [*review.covers],
        "reviewers": [each.username for each in people] or review.reviewers.value,
        "ends_unanswered": review.ends_unanswered,
        "rows": len(rows),
        **ends.facts(review.due_at),
    }


def read(work: UnitOfWork, account_name: str, id: str) -> ReviewDetails:
    """Return a review with the rows that the actor may answer; administrators of the account see all.

    Raises NotFound, Forbidden.
    """
    owner, review, rows = access.reviewed(work, account_name, id, to=To.ANSWER_REVIEW)
    people = review_rows.chosen(work.tx, review) if review.reviewers is Reviewers.PEOPLE else []
    return ReviewDetails(owner, review, rows, people, access.administers(work, owner))


def reviewers_now(work: UnitOfWork, details: ReviewDetails) -> list[tuple[Account, bool]]:
    """Return who was chosen to answer, and whether each still may: enabled, and with a part in the account."""
    present = {each.id for each in account_summaries.people(work.tx, details.owner.id, with_site=True)}
    return [(each, each.is_active and each.id in present) for each in details.people]


def listed(work: UnitOfWork, account_name: str) -> tuple[Account, list[ListedReview]]:
    """List an account's reviews, newest first: all for administrators, for others those in which they answer.

    Raises NotFound, and Forbidden for whoever answers in none.
    """
    owner = access.account(work, account_name, to=To.SEE_PROFILE)
    found = review_rows.of_account(work.tx, owner.id)
    if not access.administers(work, owner):
        found = [each for each in found if _answers(work, owner, each)]
        if not found:
            raise Forbidden(f"you may not {To.RUN_REVIEWS.value}")
    numbers = reviewed_access.numbers(work.tx, owner.id)
    return owner, [ListedReview(each, *numbers.get(each.id, (0, 0))) for each in found]


def _answers(work: UnitOfWork, owner: Account, review: Review) -> bool:
    rows, person = reviewed_access.of_review(work.tx, review), work.actor.account
    return person is not None and bool(reviewers.rows_for(work.tx, owner, review, rows, person))


def waiting(work: UnitOfWork, owners: Iterable[tuple[Account, bool]]) -> list[WaitingReview]:
    """Return the open reviews that wait for the actor's answers, in accounts of which some may be administered."""
    person = work.actor.account
    by_id = {owner.id: (owner, administers) for owner, administers in owners}
    # An open review is due at some moment, so where nothing is due there is none.
    if person is None or not by_id or work.tx.next_end is None:
        return []
    places: dict[str, reviewers.PlaceAdministrators] = {}
    found: dict[str, WaitingReview] = {}
    for each in waiting_reviews.waiting(work.tx, by_id, person.id):
        owner, administers = by_id[each.review.account_id]
        if not each.is_chosen and not administers:
            if owner.id not in places and len(places) >= _MOST_LOOKED_AT:
                continue
            known = places.get(owner.id) or places.setdefault(
                owner.id, reviewers.administrators(work.tx, owner, [person])
            )
            if not known.is_one(person, each.kind, each.place_id):
                continue
        before = found.get(each.review.id)
        found[each.review.id] = WaitingReview(owner, each.review, each.number + (before.open if before else 0))
    return [*found.values()]


def _people(work: UnitOfWork, owner: Account, names: Sequence[str]) -> list[Account]:
    """Return the people who are to answer. Raises Invalid for somebody who has no part in the account."""
    if len(names) > MAX_REVIEWERS:
        raise Invalid(f"a review has at most {MAX_REVIEWERS} reviewers", field="people")
    people = {(person := access.person(work, name)).id: person for name in names}
    present = {each.id for each in account_summaries.people(work.tx, owner.id, with_site=True)} if people else set()
    for person in people.values():
        if person.id not in present:
            raise Invalid(
                f"{person.username} has no part in {owner.username}, so they can't review access there", field="people"
            )
        if not person.is_active:
            raise Invalid(f"{person.username} is disabled, so they can't review access", field="people")
    return [*people.values()]


_Found = list[tuple[PlaceKind, PresentAccess]]


def _scope(work: UnitOfWork, owner: Account, plan: ReviewPlan) -> tuple[Scope, tuple[str, ...], _Found]:
    """Return the scope of a review, the names that it covers, and the access there. Raises NotFound, Invalid."""
    if plan.project is not None and plan.groups:
        raise Invalid("review a project or some groups, not both in one review")
    if plan.groups:
        found = [access.group_of(work, owner, owner.id, slug) for slug in dict.fromkeys(plan.groups)]
        places = {PlaceKind.GROUP: [group.id for group in found]}
        return Scope.GROUPS, tuple(group.slug for group in found), _access(work, owner, places)
    if plan.project is None:
        return Scope.ACCOUNT, (), _access(work, owner, dict.fromkeys(PlaceKind))
    _, project = access.project(work, owner.id, plan.project, to=To.SEE_PROJECT)
    ids = [each.id for each in repository_rows.of_account(work.tx, owner.id) if each.project_id == project.id]
    places = {
        PlaceKind.GROUP: _groups_reaching(work, owner, [project.id, *ids]),
        PlaceKind.REPOSITORY: ids,
        PlaceKind.PROJECT: [project.id],
    }
    return Scope.PROJECT, (project.key,), _access(work, owner, places)


def _groups_reaching(work: UnitOfWork, owner: Account, place_ids: Sequence[str]) -> list[str]:
    """Return the groups that have something in a place: set there, or by default."""
    rows = level_rows.of_account(work.tx, owner)
    ids = {id for id, level in rows.defaults.items() if level}
    for place_id in place_ids:
        ids |= {id for id, level in rows.of_groups.get(place_id, {}).items() if level}
    return [group.id for group in group_rows.of_account(work.tx, owner.id) if group.id in ids]


def _access(work: UnitOfWork, owner: Account, places: Mapping[PlaceKind, list[str] | None]) -> _Found:
    return [
        (kind, each)
        for kind, ids in places.items()
        if ids is None or ids
        for each in reviewed_access.present(work.tx, owner.id, kind, ids)
    ]
