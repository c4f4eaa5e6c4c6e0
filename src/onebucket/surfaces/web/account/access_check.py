"""Access checks of an account: what a person may do and why, who can do something; as a page, CSV or JSON."""

import json
import re
from typing import Any

import msgspec
from starlette.responses import Response

from onebucket.actions import access_checks, access_reports, account_overview, repositories
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.filters import Readers
from onebucket.domain.privileges import Level, Through
from onebucket.domain.refusals import Refusal
from onebucket.surfaces.core.shared_shapes import access_decision
from onebucket.surfaces.web.core import table_query
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS, sentence
from onebucket.surfaces.web.core.table_query import Table
from onebucket.wire import csv_writer

# The most repository names offered as suggestions in the form.
_MOST_NAMES = 500

# Worked out by the rule that decides everywhere; the form filters by level, of a person's repositories too.
_READERS: Readers = {
    "username": lambda each: each.person.username.lower(),
    "name": lambda each: each.person.display_name,
    "slug": lambda each: each.repository.slug,
    "level": lambda each: int(each.level),
    "reason": lambda each: each.ways[0].through.value,
}
_PEOPLE = Table(
    {"person": "username", "level": "level", "reason": "reason"},
    searched=("username", "name"),
    falling=frozenset({"level"}),
    unsorted="-level",
    usual=100,
)
_REPOSITORIES = Table(
    {"repository": "slug", "level": "level", "reason": "reason"},
    searched=("slug",),
    falling=frozenset({"level"}),
    usual=100,
)

_COLUMNS = ("user", "repository", "level", "allowed", "through", "group", "since", "granted_by", "project")


async def show(request: PageRequest) -> Response:
    """Show the access check form, and the result if a question was asked.

    `format=csv` or `format=json` returns the result alone.
    """
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        summary = account_overview.account_summary(work, name)
        known = repositories.of_account(work, name) if summary.administers else []
        return {"summary": summary, "names": [repository.slug for repository in known][:_MOST_NAMES]}

    context = await request.read(load)
    person, repository = request.query("person").strip(), request.query("repository").strip()
    if not context["summary"].administers and request.person:
        person = person or request.person.username
    question = {"person": person, "repository": repository, "level": request.query("level") or "read"}
    format = request.query("format") if request.query("format") in ("csv", "json") else ""
    status, decisions, level, text = 200, None, Level.READ, ""
    try:
        level = privileges.parse_level(question["level"])
        if (person and (repository or context["summary"].administers)) or repository:
            decisions, text = await request.read(
                lambda work: _serialize(_decide(work, name, person, repository, level), level, format)
            )
    except Refusal as refusal:
        status = request.backend.status(refusal) or 500
        request.errors = {"": sentence(refusal)}

    if format:
        return _export(request, format, decisions, text, status)
    table = _PEOPLE if repository else _REPOSITORIES
    shown = table_query.arrange(request, table, decisions or [], _READERS)
    answer = {"decisions": decisions, "shown": shown, "ended": _what_ended(request, decisions or [])}
    return request.page("access_check/page.html", status=status, query=question, level=level, **answer, **context)


_NAME = re.compile(r"[\w.-]{0,255}")

# Confirmations, by the `ended` parameter, and the ways that are gone if it is true.
_ENDED = {
    "member": ({Through.ACCOUNT, Through.GROUP, Through.PROJECT_GROUP}, "{person} is no longer in {group}."),
    "group": ({Through.GROUP}, "{group} no longer has anything on {repository}."),
    "direct": ({Through.DIRECT}, "What {person} was given on {repository} has ended."),
    "project-group": ({Through.PROJECT_GROUP}, "{group} no longer has anything on the project {project}."),
    "project": ({Through.PROJECT}, "What {person} was given on the project {project} has ended."),
}


def _what_ended(request: PageRequest, decisions: list[AccessDecision]) -> str:
    """Return the confirmation named by `ended`, if it is true. Anyone could have written the URL."""
    group, project = request.query("group"), request.query("project")
    if request.query("ended") not in _ENDED or len(decisions) != 1 or not _NAME.fullmatch(group + project):
        return ""
    gone, text = _ENDED[request.query("ended")]
    [decision] = decisions
    whose = f"{decision.owner.username}/{group}" if group else None
    if any(way.through in gone and way.group == whose for way in decision.ways):
        return ""
    return text.format(
        person=decision.person.username, repository=decision.repository.slug, group=group, project=project
    )


def _decide(work: UnitOfWork, account: str, person: str, repository: str, level: Level) -> list[AccessDecision]:
    if person and repository:
        return [access_checks.check(work, AccessQuery(person, account, repository))]
    if repository:
        return access_reports.who_can(work, account, repository, level)
    return [each for each in access_reports.of_person(work, account, person) if each.allows(level)]


def _export(
    request: PageRequest, format: str, decisions: list[AccessDecision] | None, text: str, status: int
) -> Response:
    """Return the result as JSON or CSV, or the error as plain text."""
    if status != 200:
        return Response(f"{request.errors['']}\n", status, HEADERS, "text/plain")
    text = text or _serialize([], Level.READ, format)[1]
    if format == "json":
        return Response(text, status, HEADERS, "application/json")
    name = decisions[0].owner.username if decisions else "access"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, status, {**HEADERS, **headers}, "text/csv")


def _serialize(decisions: list[AccessDecision], level: Level, format: str) -> tuple[list[AccessDecision], str]:
    """Return the decisions and their JSON or CSV text, written within the transaction.

    JSON has the shape of `/api/access`; CSV has one line per decision.
    """
    if not format:
        return decisions, ""
    shapes = [msgspec.to_builtins(access_decision(decision, level)) for decision in decisions]
    if format == "json":
        return decisions, json.dumps(shapes, ensure_ascii=False, indent=1)
    merged = ((shape["because"][0] if shape["because"] else {}) | shape for shape in shapes)
    rows = ([line.get(name) for name in _COLUMNS] for line in merged)
    return decisions, csv_writer.text([_COLUMNS, *rows])


PAGES = (Page("/accounts/{name}/ask", show, is_private=True, is_costly=True),)
