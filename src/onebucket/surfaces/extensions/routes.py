"""Every address of our own in one list, and the handlers behind them."""

from typing import Literal

import msgspec

from onebucket.actions import access_checks, pending_invitations
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, Refusal
from onebucket.surfaces.extensions import access_shapes, invitations, journal, tokens
from onebucket.surfaces.routing import ApiRequest, Parameter, Route, StreamedList, Surface
from onebucket.wire import request_body
from onebucket.wire.lazy_list import lazy_list

MAX_QUESTIONS = 1000


class AccessQuestion(msgspec.Struct):
    """One question of several; `repository` is `account/slug`."""

    user: str
    repository: str
    level: Literal["read", "write", "admin"] | None = None


def check_access(work: UnitOfWork, ask: ApiRequest) -> access_shapes.Access:
    """May this person do that, and why?"""
    users = ask.query.get("user", ())
    name = users[-1] if users else work.actor.id
    if name is None:
        raise Invalid("user is missing")

    levels = ask.query.get("level", ())
    level = _level(levels[-1] if levels else None)
    question = AccessQuery(name, ask.path_parameters["accountname"], ask.path_parameters["repo_slug"])
    return access_shapes.access(access_checks.check(work, question), level)


def check_many(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """The same for up to 1,000 pairs at once; each is answered by itself."""
    asked = request_body.document(ask.body, list[AccessQuestion], "a list of {user, repository, level}")
    if len(asked) > MAX_QUESTIONS:
        raise Invalid(f"that is more than {MAX_QUESTIONS} questions")

    levels = [_level(each.level) for each in asked]
    pairs = [each.repository.partition("/") for each in asked]
    questions = [AccessQuery(each.user, account, slug) for each, (account, _, slug) in zip(asked, pairs, strict=True)]
    answers = access_checks.answers(work, questions)
    return StreamedList(
        lazy_list(
            access_shapes.refused_answer(question, answer)
            if isinstance(answer, Refusal)
            else access_shapes.access(answer, level)
            for question, level, answer in zip(questions, levels, answers, strict=True)
        )
    )


def impact_of_deleting(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """Who would lose what if this group were deleted?"""
    account, slug = ask.path_parameters["accountname"], ask.path_parameters["group_slug"]
    return access_shapes.impact(
        access_checks.impact(work, account, slug), pending_invitations.ended_by_deleting(work, account, slug)
    )


def impact_of_leaving(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """What would this member lose by leaving the group?"""
    account, slug, member = (ask.path_parameters[each] for each in ("accountname", "group_slug", "member"))
    return access_shapes.impact(
        access_checks.impact(work, account, slug, member),
        pending_invitations.ended_by_leaving(work, account, slug, member),
    )


def _level(word: str | None) -> Level:
    return Level.NONE if word is None else privileges.parse_level(word)


_ACCESS = "/access/{accountname}/{repo_slug}"
_GROUP = "/access/{accountname}/groups/{group_slug}/impact"
_MEMBER = "/access/{accountname}/groups/{group_slug}/members/{member}/impact"
_ADMIN = "repository:admin"
_USER = Parameter("user", "whom the question is about; without it, yourself")
_LEVEL = Parameter("level", "what `allowed` says yes or no to; without it, anything at all",
                   {"type": "string", "enum": ["read", "write", "admin"]})  # fmt: skip

ROUTES = (
    Route("GET", _ACCESS, check_access, _ADMIN, "askAccess", "May this person do that, and why?", access_shapes.Access,
          query=(_USER, _LEVEL), errors=(403, 404)),
    Route("POST", "/access", check_many, _ADMIN, "askAccesses", "The same for up to 1,000 pairs at once",
          list[access_shapes.Access], json=list[AccessQuestion], only_reads=True, errors=(400, 413)),
    Route("GET", _GROUP, impact_of_deleting, _ADMIN, "impactOfDeletingGroup",
          "Who would lose what if this group were deleted?", access_shapes.Impact, errors=(403, 404)),
    Route("GET", _MEMBER, impact_of_leaving, _ADMIN, "impactOfLeavingGroup",
          "What would this member lose by leaving the group?", access_shapes.Impact, errors=(403, 404)),
    *journal.ROUTES,
)  # fmt: skip

EXTENSIONS = Surface("onebucket", ("/api",), (*ROUTES, *invitations.ROUTES, *tokens.ROUTES))
