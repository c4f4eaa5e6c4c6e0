"""Every address of our own in one list, and the handlers behind them."""

from typing import Literal

import msgspec

from onebucket.actions import asking, settling
from onebucket.actions.asking import Question
from onebucket.actions.work import Work
from onebucket.domain import privileges
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, Refusal
from onebucket.surfaces.own import invitations, journal, shapes, tokens
from onebucket.surfaces.routing import Ask, Parameter, Route, Stream, Surface
from onebucket.wire import bodies
from onebucket.wire.documents import many

MOST_QUESTIONS = 1000


class Asked(msgspec.Struct):
    """One question of several; `repository` is `account/slug`."""

    user: str
    repository: str
    level: Literal["read", "write", "admin"] | None = None


def ask(work: Work, ask: Ask) -> shapes.Access:
    """May this person do that, and why?"""
    users = ask.query.get("user", ())
    name = users[-1] if users else work.actor.id
    if name is None:
        raise Invalid("user is missing")

    levels = ask.query.get("level", ())
    level = _level(levels[-1] if levels else None)
    question = Question(name, ask.words["accountname"], ask.words["repo_slug"])
    return shapes.access(asking.ask(work, question), level)


def ask_many(work: Work, ask: Ask) -> Stream:
    """The same for up to 1,000 pairs at once; each is answered by itself."""
    asked = bodies.document(ask.body, list[Asked], "a list of {user, repository, level}")
    if len(asked) > MOST_QUESTIONS:
        raise Invalid(f"that is more than {MOST_QUESTIONS} questions")

    levels = [_level(each.level) for each in asked]
    pairs = [each.repository.partition("/") for each in asked]
    questions = [Question(each.user, account, slug) for each, (account, _, slug) in zip(asked, pairs, strict=True)]
    answers = asking.answers(work, questions)
    return Stream(
        many(
            shapes.refused(question, answer) if isinstance(answer, Refusal) else shapes.access(answer, level)
            for question, level, answer in zip(questions, levels, answers, strict=True)
        )
    )


def impact_of_deleting(work: Work, ask: Ask) -> Stream:
    """Who would lose what if this group were deleted?"""
    account, slug = ask.words["accountname"], ask.words["group_slug"]
    return shapes.impact(asking.impact(work, account, slug), settling.by_deleting(work, account, slug))


def impact_of_leaving(work: Work, ask: Ask) -> Stream:
    """What would this member lose by leaving the group?"""
    account, slug, member = (ask.words[each] for each in ("accountname", "group_slug", "member"))
    return shapes.impact(asking.impact(work, account, slug, member), settling.by_leaving(work, account, slug, member))


def _level(word: str | None) -> Level:
    return Level.NONE if word is None else privileges.named(word)


_ACCESS = "/access/{accountname}/{repo_slug}"
_GROUP = "/access/{accountname}/groups/{group_slug}/impact"
_MEMBER = "/access/{accountname}/groups/{group_slug}/members/{member}/impact"
_ADMIN = "repository:admin"
_USER = Parameter("user", "whom the question is about; without it, yourself")
_LEVEL = Parameter("level", "what `allowed` says yes or no to; without it, anything at all",
                   {"type": "string", "enum": ["read", "write", "admin"]})  # fmt: skip

ROUTES = (
    Route("GET", _ACCESS, ask, _ADMIN, "askAccess", "May this person do that, and why?", shapes.Access,
          query=(_USER, _LEVEL), refuses=(403, 404)),
    Route("POST", "/access", ask_many, _ADMIN, "askAccesses", "The same for up to 1,000 pairs at once",
          list[shapes.Access], json=list[Asked], only_reads=True, refuses=(400, 413)),
    Route("GET", _GROUP, impact_of_deleting, _ADMIN, "impactOfDeletingGroup",
          "Who would lose what if this group were deleted?", shapes.Impact, refuses=(403, 404)),
    Route("GET", _MEMBER, impact_of_leaving, _ADMIN, "impactOfLeavingGroup",
          "What would this member lose by leaving the group?", shapes.Impact, refuses=(403, 404)),
    *journal.ROUTES,
)  # fmt: skip

SURFACE = Surface("onebucket", ("/api",), (*ROUTES, *invitations.ROUTES, *tokens.ROUTES))
