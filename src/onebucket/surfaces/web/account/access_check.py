"""Access checks of an account: what a person may do and why, who can reach what; as a page, CSV or JSON."""

import csv
import io
import json
from typing import Any

from starlette.responses import Response

from onebucket.actions import access_checks, access_reports, account_overview, matrix
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import Refusal
from onebucket.surfaces.web.core.page_request import HEADERS, Page, PageRequest, sentence
from onebucket.surfaces.web.core.pagination import paginate

# The most repository names offered as suggestions in the form.
_MOST_NAMES = 500

_COLUMNS = ("user", "repository", "level", "allowed", "through", "group", "since", "granted_by")


async def show(visit: PageRequest) -> Response:
    """Show the access check form, and the result if a question was asked.

    `format=csv` or `format=json` returns the result alone.
    """
    name = visit.path_parameter("name")

    def known(work: UnitOfWork) -> dict[str, Any]:
        place = account_overview.account_summary(work, name)
        repositories = matrix.axes(work, name)[1] if place.administers else []
        return {"place": place, "names": [each.slug for each in repositories][:_MOST_NAMES]}

    seen = await visit.read(known)
    person, repository = visit.query("person").strip(), visit.query("repository").strip()
    if not seen["place"].administers and visit.person:
        person = person or visit.person.username
    asked = {"person": person, "repository": repository, "level": visit.query("level") or "read"}
    kind = visit.query("format") if visit.query("format") in ("csv", "json") else ""
    status, verdicts, level, plain = 200, None, Level.READ, ""
    try:
        level = privileges.parse_level(asked["level"])
        if (person and (repository or seen["place"].administers)) or repository:
            verdicts, plain = await visit.read(
                lambda work: _serialize(_answer(work, name, person, repository, level), level, kind)
            )
    except Refusal as refusal:
        status = visit.backend.status(refusal) or 500
        visit.errors = {"": sentence(refusal)}

    if kind:
        return _export(visit, kind, verdicts, plain, status)
    shown = paginate(visit, verdicts or [], lambda each: f"{each.person.username} {each.repository.slug}", most=100)
    return visit.page("ask/page.html", status=status, asked=asked, level=level, verdicts=verdicts, shown=shown, **seen)


def _answer(work: UnitOfWork, account: str, person: str, repository: str, level: Level) -> list[AccessDecision]:
    if person and repository:
        return [access_checks.check(work, AccessQuery(person, account, repository))]
    if repository:
        return access_reports.who_can(work, account, repository, level)
    return access_reports.of_person(work, account, person)


def _export(visit: PageRequest, kind: str, verdicts: list[AccessDecision] | None, text: str, status: int) -> Response:
    """Return the result as JSON or CSV, or the error as plain text."""
    if status != 200:
        return Response(f"{visit.errors['']}\n", status, HEADERS, "text/plain")
    text = text or _serialize([], Level.READ, kind)[1]
    if kind == "json":
        return Response(text, status, HEADERS, "application/json")
    name = verdicts[0].owner.username if verdicts else "access"
    named = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, status, {**HEADERS, **named}, "text/csv")


def _serialize(verdicts: list[AccessDecision], level: Level, kind: str) -> tuple[list[AccessDecision], str]:
    """Return the decisions and their JSON or CSV text, written within the transaction.

    JSON has the shape of `/api/access`; CSV has one line per decision.
    """
    if kind == "json":
        return verdicts, json.dumps([_way_shape(each, level) for each in verdicts], ensure_ascii=False, indent=1)
    text = io.StringIO()
    if kind == "csv":
        lines = csv.DictWriter(text, _COLUMNS, extrasaction="ignore")
        lines.writeheader()
        for each in verdicts:
            told_of = _way_shape(each, level)
            because = told_of["because"][0] if told_of["because"] else {}
            lines.writerow(told_of | because | {"level": told_of["level"]})
    return verdicts, text.getvalue()


def _way_shape(verdict: AccessDecision, level: Level) -> dict[str, Any]:
    return {
        "user": verdict.person.username,
        "repository": f"{verdict.owner.username}/{verdict.repository.slug}",
        "level": verdict.level.word if verdict.level else None,
        "allowed": verdict.allows(level),
        "because": [_way(way) for way in verdict.ways],
    }


def _way(way: Reason) -> dict[str, str]:
    """Shape a reason for access as `/api/access` does, without empty fields."""
    told = {
        "level": way.level.word,
        "through": way.through.value,
        "group": way.group,
        "since": f"{way.since:%Y-%m-%dT%H:%M:%SZ}" if way.since else None,
        "granted_by": way.granted_by,
    }
    return {name: word for name, word in told.items() if word is not None}


async def people(visit: PageRequest) -> Response:
    """List everyone in the account, with how much each can reach and through what."""
    name = visit.path_parameter("name")

    def found(work: UnitOfWork) -> dict[str, Any]:
        everybody = paginate(
            visit, account_overview.people(work, name), lambda each: f"{each.display_name} {each.username}", most=25
        )
        summaries = access_reports.summaries(work, name, everybody.items)
        return {"place": account_overview.account_summary(work, name), "people": everybody, "summaries": summaries}

    return visit.page("ask/people.html", Level=Level, **await visit.read(found))


PAGES = (
    Page("/accounts/{name}/ask", show, is_private=True, is_costly=True),
    Page("/accounts/{name}/people", people, is_private=True, is_costly=True),
)
