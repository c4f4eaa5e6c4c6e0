"""Handlers of `/api/reviews`: access reviews, what they list, and the answers."""

from typing import Literal

from msgspec import Struct

from onebucket.actions import review_answers, review_ends, reviews
from onebucket.actions.reviews import ReviewDetails, ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, scope_rules
from onebucket.domain.refusals import Invalid
from onebucket.domain.reviews import Decision, RowState
from onebucket.safe_text import quote_text
from onebucket.surfaces.core import review_shapes
from onebucket.surfaces.core.review_shapes import ReviewDetailsShape, ReviewShape, RowShape
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Reply, Route
from onebucket.surfaces.extensions import journal
from onebucket.wire import request_body


class ReviewRequest(Struct, frozen=True):
    """What to review, until when, and who answers.

    Without `project` and `groups` it is the whole account; without `people`, the administrators of each repository and
    project answer about it, and those of the account about the rest. `until` is a time with its zone, or a date.
    """

    until: str
    title: str = ""
    project: str | None = None
    groups: list[str] = []
    people: list[str] = []
    ends_unanswered: bool = False


class AnswerRequest(Struct, frozen=True):
    """What becomes of rows, given by their numbers; ending access needs a reason."""

    rows: list[int]
    answer: Literal["keep", "end"]
    reason: str = ""


def list_reviews(work: UnitOfWork, request: ApiRequest) -> list[ReviewShape]:
    """List an account's reviews, newest first."""
    owner, found = reviews.listed(work, request.path_parameters["accountname"])
    return [review_shapes.listed_shape(owner, each) for each in found]


def start(work: UnitOfWork, request: ApiRequest) -> Reply:
    """Start a review."""
    wanted = request_body.document(request.body, ReviewRequest, "{until, title, project, groups, people}")
    plan = ReviewPlan(
        ends.parse(wanted.until),
        wanted.title,
        wanted.project,
        wanted.groups,
        wanted.people,
        wanted.ends_unanswered,
    )
    details = reviews.start(work, request.path_parameters["accountname"], plan)
    location = f"{request.base_url}{request.path}/{details.review.id}"
    return Reply(review_shapes.details_shape(details), 201, (("location", location),))


def read(work: UnitOfWork, request: ApiRequest) -> ReviewDetailsShape:
    """Show a review with its rows, or those in one state."""
    details, state = _details(work, request), journal.last_value(request, "state")
    if state is None:
        return review_shapes.details_shape(details)
    if state not in {each.value for each in RowState}:
        raise Invalid(f"there is no state {quote_text(state)} of rows")
    return review_shapes.details_shape(details, [row for row in details.rows if row.state.value == state])


def answer(work: UnitOfWork, request: ApiRequest) -> list[RowShape]:
    """Keep or end the access of rows: all of them, or none if one is refused."""
    wanted = request_body.document(request.body, AnswerRequest, "{rows, answer, reason}")
    account, id = _named(request)
    rows = review_answers.answer(work, account, id, wanted.rows, Decision(wanted.answer), wanted.reason)
    answered = {row.number for row in rows}
    return [review_shapes.row_shape(row) for row in _details(work, request).rows if row.number in answered]


def remind(work: UnitOfWork, request: ApiRequest) -> None:
    """Send a letter to everybody who is asked for an answer."""
    review_ends.remind(work, *_named(request))


def close(work: UnitOfWork, request: ApiRequest) -> ReviewDetailsShape:
    """Close a review before its end."""
    review_ends.close(work, *_named(request))
    return review_shapes.details_shape(_details(work, request))


def cancel(work: UnitOfWork, request: ApiRequest) -> None:
    """Close a review and end nothing."""
    review_ends.cancel(work, *_named(request))


def _named(request: ApiRequest) -> tuple[str, str]:
    return request.path_parameters["accountname"], request.path_parameters["id"]


def _details(work: UnitOfWork, request: ApiRequest) -> ReviewDetails:
    return reviews.read(work, *_named(request))


_ALL = "/reviews/{accountname}"
_ONE = f"{_ALL}/{{id}}"
_STATE = Parameter("state", "only rows in this state", {"type": "string", "enum": [each.value for each in RowState]})
_READ, _CHANGE = scope_rules.READ_WORKSPACES, scope_rules.CHANGE_WORKSPACES

ROUTES = (
    Route("GET", _ALL, list_reviews, _READ, "listReviews", "The access reviews of an account, newest first",
          list[ReviewShape], errors=(403, 404)),
    Route("POST", _ALL, start, _CHANGE, "startReview", "Start an access review", ReviewDetailsShape, status=201,
          json=ReviewRequest, errors=(400, 403, 404, 409, 413)),
    Route("GET", _ONE, read, _READ, "readReview", "An access review, and what it lists", ReviewDetailsShape,
          query=(_STATE,), errors=(400, 403, 404)),
    Route("DELETE", _ONE, cancel, _CHANGE, "cancelReview", "Cancel an access review: what is open stays as it is",
          errors=(403, 404, 409)),
    Route("POST", f"{_ONE}/answers", answer, _CHANGE, "answerReview", "Keep or end the access of rows, all or none",
          list[RowShape], json=AnswerRequest, errors=(400, 403, 404, 409, 413)),
    Route("POST", f"{_ONE}/remind", remind, _CHANGE, "remindReviewers", "Remind everybody who is asked for an answer",
          errors=(403, 404, 409)),
    Route("POST", f"{_ONE}/close", close, _CHANGE, "closeReview", "Close an access review before its end",
          ReviewDetailsShape, errors=(400, 403, 404, 409)),
)  # fmt: skip
