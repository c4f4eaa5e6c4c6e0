"""All routes under `/api` in one list, with the handlers of access checks."""

from typing import Literal

import msgspec

from onebucket.actions import access_checks, pending_invitations
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges, scope_rules
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, Refusal
from onebucket.surfaces.core import shared_shapes
from onebucket.surfaces.core.shared_shapes import Access
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Route, StreamedList, Surface
from onebucket.surfaces.extensions import (
    access_history,
    given_access,
    impact_shapes,
    invitations,
    journal,
    people,
    requests,
    reviews,
    tokens,
    webhooks,
)
from onebucket.wire import request_body
from onebucket.wire.lazy_list import lazy_list

MAX_QUESTIONS = 1000


class AccessQuestion(msgspec.Struct):
    """One question of several; `repository` is `account/slug`."""

    user: str
    repository: str
    level: Literal["read", "write", "admin"] | None = None


def check_access(work: UnitOfWork, request: ApiRequest) -> Access:
    """Check one person's access to one repository, with the reasons."""
    users = request.query.get("user", ())
    name = users[-1] if users else work.actor.id
    if name is None:
        raise Invalid("user is missing")

    levels = request.query.get("level", ())
    level = _level(levels[-1] if levels else None)
    query = AccessQuery(name, request.path_parameters["accountname"], request.path_parameters["repo_slug"])
    return shared_shapes.access_decision(access_checks.check(work, query), level)


def check_many(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """Check up to 1,000 person and repository pairs; one that is refused doesn't affect the others."""
    questions = request_body.document(request.body, list[AccessQuestion], "a list of {user, repository, level}")
    if len(questions) > MAX_QUESTIONS:
        raise Invalid(f"that is more than {MAX_QUESTIONS} questions")

    if len(questions) > 1:
        # Too many for the event loop go to a thread before anything is read.
        work.tx.spend(access_checks.ROWS_OF_A_PAIR * len(questions))
    levels = [_level(question.level) for question in questions]
    pairs = [question.repository.partition("/") for question in questions]
    queries = [
        AccessQuery(question.user, account, slug) for question, (account, _, slug) in zip(questions, pairs, strict=True)
    ]
    results = access_checks.answers(work, queries)
    return StreamedList(
        lazy_list(
            shared_shapes.refused_decision(query, result)
            if isinstance(result, Refusal)
            else shared_shapes.access_decision(result, level)
            for query, level, result in zip(queries, levels, results, strict=True)
        )
    )


def impact_of_deleting(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """List the levels and invitations that would be lost if the group were deleted."""
    account, slug = request.path_parameters["accountname"], request.path_parameters["group_slug"]
    return impact_shapes.impact(
        access_checks.impact(work, account, slug), pending_invitations.ended_by_deleting(work, account, slug)
    )


def impact_of_leaving(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """List the levels and invitations that would be lost if the member left the group."""
    account, slug, member = (request.path_parameters[name] for name in ("accountname", "group_slug", "member"))
    return impact_shapes.impact(
        access_checks.impact(work, account, slug, member),
        pending_invitations.ended_by_leaving(work, account, slug, member),
    )


def _level(name: str | None) -> Level:
    return Level.NONE if name is None else privileges.parse_level(name)


_ACCESS = "/access/{accountname}/{repo_slug}"
_GROUP = "/access/{accountname}/groups/{group_slug}/impact"
_MEMBER = "/access/{accountname}/groups/{group_slug}/members/{member}/impact"
_CHECK = scope_rules.CHECK_ACCESS
_USER = Parameter("user", "the person to check; default: yourself")
_LEVEL = Parameter("level", "the level that `allowed` is about; default: any",
                   {"type": "string", "enum": ["read", "write", "admin"]})  # fmt: skip

ROUTES = (
    Route("GET", _ACCESS, check_access, _CHECK, "askAccess", "Check a person's access, with the reasons", Access,
          query=(_USER, _LEVEL), errors=(403, 404)),
    Route("POST", "/access", check_many, _CHECK, "askAccesses", "Check up to 1,000 people and repositories",
          list[Access], json=list[AccessQuestion], only_reads=True, errors=(400, 413)),
    Route("GET", _GROUP, impact_of_deleting, _CHECK, "impactOfDeletingGroup",
          "The access that would be lost by deleting a group", impact_shapes.Impact, errors=(403, 404)),
    Route("GET", _MEMBER, impact_of_leaving, _CHECK, "impactOfLeavingGroup",
          "The access that a member would lose by leaving a group", impact_shapes.Impact, errors=(403, 404)),
    *access_history.ROUTES,
    *journal.ROUTES,
)  # fmt: skip

EXTENSIONS = Surface(
    "onebucket",
    ("/api",),
    (
        *ROUTES,
        *reviews.ROUTES,
        *invitations.ROUTES,
        *people.ROUTES,
        *given_access.ROUTES,
        *requests.ROUTES,
        *tokens.ROUTES,
        *webhooks.ROUTES,
    ),
    description=(
        "What the original never had: access checks, who gained and lost access, the journal (audit log), "
        "access reviews, off-boarding, invitations, requests for access, app passwords, webhooks."
    ),
)
