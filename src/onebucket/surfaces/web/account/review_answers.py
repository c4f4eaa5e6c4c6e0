"""The page of one access review: what it lists, answers to several rows at once after a preview, and the result."""

import re
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import account_overview, review_answers, reviews
from onebucket.actions.review_ends import WAITING
from onebucket.actions.reviews import ReviewDetails
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.domain.reviews import Decision, ReviewState, Row, RowState, counts, parse_rows, ranges
from onebucket.surfaces.core import review_shapes
from onebucket.surfaces.web.account.reviews import ONE
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS
from onebucket.surfaces.web.core.pagination import matches, paginate

ROWS = 100
# What the filter offers: rows that wait for an answer, all, or those in one state.
WAITING_ROWS, ALL_ROWS = "waiting", "all"
_STATES = ((WAITING_ROWS, "waiting for an answer"), *((each.value, each.value) for each in RowState), (ALL_ROWS, "all"))

_ANSWERED = re.compile("(keep|end)-([0-9]{1,5})", re.ASCII)
_NOTICES = {
    "start": "The review has started, and its reviewers got an e-mail.",
    "close": "The review is closed.",
    "cancel": "The review is cancelled.",
    "remind": "The reviewers got an e-mail.",
}


async def show(request: PageRequest) -> Response:
    """Show what a review lists, by state and by words; `format=csv` returns the rows alone."""
    name, id = request.path_parameter("name"), request.path_parameter("review")

    def load(work: UnitOfWork) -> dict[str, Any]:
        details = reviews.read(work, name, id)
        return {
            "summary": account_overview.summary_for_visitors(work, name),
            "details": details,
            "people": reviews.reviewers_now(work, details),
        }

    context = await request.read(load)
    details: ReviewDetails = context["details"]
    state, find = _filter(request, details)
    if request.query("format") == "csv":
        rows = [row for row in details.rows if _is_found(row, state, find.casefold().split())]
        disposition = {"Content-Disposition": 'attachment; filename="access-review.csv"'}
        return Response(review_shapes.csv_text(rows), 200, {**HEADERS, **disposition}, "text/csv")

    request.notice = request.notice or _notice(request.query("done"))
    listed = paginate(request, (row for row in details.rows if _is_found(row, state, [])), _words, most=ROWS)
    return request.page(
        "reviews/page.html",
        rows=listed,
        state=state,
        counts=counts(details.rows),
        answered=sum(row.answer is not None for row in details.rows),
        is_open=details.review.state is ReviewState.OPEN,
        answerable=frozenset(row.number for row in listed.items if _is_answerable(request, row)),
        states=_STATES,
        RowState=RowState,
        **context,
    )


async def answer(request: PageRequest) -> Response:
    """Keep rows; or end their access: with a preview first, and then for good."""
    name, id = request.path_parameter("name"), request.path_parameter("review")
    try:
        wanted = Decision(request.line("answer"))
    except ValueError:
        raise Invalid("choose whether to keep or to end the access") from None
    reason = request.line("reason")
    numbers = await _numbers(request)
    if wanted is Decision.END and not request.has("confirmed"):
        return await _preview(request, numbers, reason)
    rows = await request.write(lambda work: review_answers.answer(work, name, id, numbers, wanted, reason))
    kept = {field: request.line(field) for field in ("state", "find") if request.line(field)}
    query = urlencode({**kept, "done": f"{wanted.value}-{len(rows)}"})
    return request.redirect(f"/accounts/{request.segment('name')}/reviews/{request.segment('review')}?{query}")


async def _numbers(request: PageRequest) -> list[int]:
    """Return the rows that the form is about: a list, those that are ticked, or all that the filter finds."""
    if request.line("rows"):
        return parse_rows(request.line("rows"))
    if not request.is_checked("all"):
        return parse_rows(",".join(request.texts("row"))) if request.texts("row") else []
    name, id = request.path_parameter("name"), request.path_parameter("review")
    details = await request.read(lambda work: reviews.read(work, name, id))
    words = request.line("find").casefold().split()
    return [
        row.number
        for row in details.rows
        if _is_found(row, request.line("state"), words) and _is_answerable(request, row)
    ]


async def _preview(request: PageRequest, numbers: list[int], reason: str) -> Response:
    name, id = request.path_parameter("name"), request.path_parameter("review")

    def load(work: UnitOfWork) -> dict[str, Any]:
        plan = review_answers.plan(work, name, id, numbers)
        return {"summary": account_overview.summary_for_visitors(work, name), "plan": plan}

    context = await request.read(load)
    plan = context["plan"]
    return request.page(
        "reviews/end.html",
        effects=access_changes.effects_of(plan.effects),
        ranges=ranges([row.number for row in plan.rows]),
        people=len({row.person.id for row in plan.rows}),
        reason=reason,
        state=request.line("state"),
        find=request.line("find"),
        **context,
    )


def _filter(request: PageRequest, details: ReviewDetails) -> tuple[str, str]:
    """Return the state and the words to show rows by; after a refused form, those that it was sent with."""
    usual = WAITING_ROWS if details.review.state is ReviewState.OPEN else ALL_ROWS
    state = request.query("state") or (request.line("state") if request.has("state") else "") or usual
    return state, request.query("find")


def _is_found(row: Row, state: str, words: list[str]) -> bool:
    is_in_state = state == ALL_ROWS or row.state.value == state or (state == WAITING_ROWS and row.state in WAITING)
    return is_in_state and (not words or matches(_words(row), words))


def _words(row: Row) -> str:
    return f"{row.person.display_name} {row.person.username} {row.place} {row.then.word(row.kind)} {row.note}"


def _is_answerable(request: PageRequest, row: Row) -> bool:
    return row.state in WAITING and row.person.id != request.me.id


def _notice(done: str) -> str:
    """Say what was done. Anyone could have written the URL, so it names nothing that it holds but a number."""
    found = _ANSWERED.fullmatch(done)
    if found is None:
        return _NOTICES.get(done, "")
    number = int(found[2])
    return f"{'Kept' if found[1] == 'keep' else 'Ended'} the access of {number} row{'s' if number != 1 else ''}."


PAGES = (Page(ONE, show, answer, is_private=True, is_costly=True),)
