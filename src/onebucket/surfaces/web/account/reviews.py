"""Pages of access reviews: the list, starting one, and the end of one. For administrators of the account."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, projects, review_ends, reviews
from onebucket.actions.reviews import ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound
from onebucket.domain.reviews import Reviewers, Scope
from onebucket.domain.suggestions import Kind
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

ALL = "/accounts/{name}/reviews"
ONE = f"{ALL}/{{review}}"

_FIELDS_OF_NAMES = {Kind.GROUP: "groups", Kind.PROJECT: "project", Kind.PERSON: "people"}


async def show_all(request: PageRequest) -> Response:
    """List the account's reviews; whoever only answers sees those in which they do."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        summary = account_overview.summary_for_visitors(work, name)
        return {"summary": summary, "found": reviews.listed(work, name)[1]}

    context = await request.read(load)
    listed = paginate(request, context.pop("found"), lambda each: each.review.title)
    return request.page("reviews/list.html", reviews=listed, **context)


async def show_form(request: PageRequest) -> Response:
    """Show the form that starts a review."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        summary = account_overview.account_summary(work, name)
        if not summary.administers:
            raise Forbidden("you may not run access reviews in the account")
        slugs = [each.group.slug for each in account_overview.group_sizes(work, name)]
        return {"summary": summary, "slugs": slugs, "keys": [each.project.key for each in projects.listed(work, name)]}

    return request.page("reviews/start.html", **await request.read(load))


async def start(request: PageRequest) -> Response:
    """Start a review and show it."""
    name, scope = request.path_parameter("name"), request.line("scope")
    slugs, people = (request.text(field).replace(",", " ").split() for field in ("groups", "people"))
    is_of_project, is_of_groups = scope == Scope.PROJECT.value, scope == Scope.GROUPS.value
    chosen = request.line("reviewers") == Reviewers.PEOPLE.value
    missing = {
        "until": "say until when reviewers can answer" if not request.line("until") else "",
        "project": "say which project" if is_of_project and not request.line("project") else "",
        "groups": "name at least one group" if is_of_groups and not slugs else "",
        "people": "name at least one person" if chosen and not people else "",
    }
    if wrong := {field: text for field, text in missing.items() if text}:
        raise FormErrors(**wrong)
    plan = ReviewPlan(
        parsed_end(request),
        request.line("title"),
        request.line("project") if is_of_project else None,
        slugs if is_of_groups else (),
        people if chosen else (),
        request.line("unanswered") == "end",
    )
    try:
        details = await request.write(lambda work: reviews.start(work, name, plan))
    except (Invalid, NotFound, Conflict) as refusal:
        raise _form_errors(refusal) from None
    return request.redirect(f"/accounts/{details.owner.username}/reviews/{details.review.id}?done=start")


def _form_errors(refusal: Invalid | NotFound | Conflict) -> FormErrors:
    """Put a refusal beside the field that it is about."""
    if isinstance(refusal, NotFound) and refusal.sought is not None:
        return error_beside(refusal, _FIELDS_OF_NAMES.get(refusal.sought.kind, ""))
    return error_beside(refusal, until="until", title="title", people="people", person="people")


@dataclass(frozen=True, slots=True)
class _Action:
    """Something that an administrator does with an open review, after a page that says what comes of it."""

    title: str
    text: str
    button: str
    act: Callable[[UnitOfWork, str, str], object]


_ACTIONS = {
    "close": _Action("Close", "", "Close the review", review_ends.close),
    "cancel": _Action(
        "Cancel",
        "Nobody’s access ends. What was answered until now stays as it is, and so does what was ended.",
        "Cancel the review",
        review_ends.cancel,
    ),
    "remind": _Action(
        "Remind the reviewers of",
        "Everybody who is asked for an answer that is still missing gets an e-mail. They get one by themselves, too, "
        "before the review ends.",
        "Send reminders",
        review_ends.remind,
    ),
}


def _deed(request: PageRequest) -> _Action:
    deed = _ACTIONS.get(request.path_parameter("deed"))
    if deed is None:
        raise NotFound("there is no page at this address")
    return deed


async def ask(request: PageRequest) -> Response:
    """Say what closing, cancelling or reminding does, and ask."""
    name, deed = request.path_parameter("name"), _deed(request)

    def load(work: UnitOfWork) -> dict[str, Any]:
        details = reviews.read(work, name, request.path_parameter("review"))
        if not details.administers:
            raise Forbidden("you may not run access reviews in the account")
        return {"summary": account_overview.summary_for_visitors(work, name), "details": details}

    return request.page("reviews/ask.html", deed=deed, **await request.read(load))


async def act(request: PageRequest) -> Response:
    """Close or cancel a review, or remind its reviewers."""
    name, id, deed = request.path_parameter("name"), request.path_parameter("review"), _deed(request)
    await request.write(lambda work: deed.act(work, name, id))
    return request.redirect(f"/accounts/{request.segment('name')}/reviews/{id}?done={request.path_parameter('deed')}")


PAGES = (
    Page(ALL, show_all, is_private=True),
    Page(f"{ALL}/new", show_form, start, is_private=True),
    Page(f"{ONE}/{{deed}}", ask, act, is_private=True, is_costly=True),
)
