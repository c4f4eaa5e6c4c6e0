"""Questions about an account: may she, and why; who can; what can she reach. As a page, as CSV and as JSON."""

import csv
import io
import json
from typing import Any

from starlette.responses import Response

from onebucket.actions import asking, matrix, overviews, reach
from onebucket.actions.asking import Question, Verdict
from onebucket.actions.work import Work
from onebucket.domain import privileges
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import Refusal
from onebucket.surfaces.web.lists import cut
from onebucket.surfaces.web.visit import HEADERS, Page, Visit, sentence

# So many names a browser is given to choose from while one types.
_MOST_NAMES = 500

_COLUMNS = ("user", "repository", "level", "allowed", "through", "group", "since", "granted_by")


async def show(visit: Visit) -> Response:
    """The question, and its answer if it was asked."""
    name = visit.word("name")

    def known(work: Work) -> dict[str, Any]:
        place = overviews.place(work, name)
        repositories = matrix.axes(work, name)[1] if place.administers else []
        return {"place": place, "names": [each.slug for each in repositories][:_MOST_NAMES]}

    seen = await visit.look(known)
    person, repository = visit.query("person").strip(), visit.query("repository").strip()
    if not seen["place"].administers and visit.person:
        person = person or visit.person.username
    asked = {"person": person, "repository": repository, "level": visit.query("level") or "read"}
    status, verdicts, level = 200, None, Level.READ
    try:
        level = privileges.named(asked["level"])
        if (person and (repository or seen["place"].administers)) or repository:
            verdicts = await visit.look(lambda work: _answer(work, name, person, repository, level))
    except Refusal as refusal:
        status = visit.desk.status(refusal) or 500
        visit.errors = {"": sentence(refusal)}

    if visit.query("format") in ("csv", "json"):
        return _plain(visit, verdicts or [], level, status)
    shown = cut(visit, verdicts or [], lambda each: f"{each.person.username} {each.repository.slug}", most=100)
    return visit.page("ask/page.html", status=status, asked=asked, level=level, verdicts=verdicts, shown=shown, **seen)


def _answer(work: Work, account: str, person: str, repository: str, level: Level) -> list[Verdict]:
    if person and repository:
        return [asking.ask(work, Question(person, account, repository))]
    if repository:
        return reach.who_can(work, account, repository, level)
    return reach.of_person(work, account, person)


def _plain(visit: Visit, verdicts: list[Verdict], level: Level, status: int) -> Response:
    """The answer for programs: as `/api/access` tells it, or a line for each."""
    kind = visit.query("format")
    if status != 200:
        return Response(f"{visit.errors['']}\n", status, HEADERS, "text/plain")
    if kind == "json":
        told = [_told(each, level) for each in verdicts]
        return Response(json.dumps(told, ensure_ascii=False, indent=1), status, HEADERS, "application/json")
    text = io.StringIO()
    lines = csv.DictWriter(text, _COLUMNS, extrasaction="ignore")
    lines.writeheader()
    for each in verdicts:
        told_of = _told(each, level)
        lines.writerow(told_of | (told_of["because"][0] if told_of["because"] else {}) | {"level": told_of["level"]})
    named = {
        "Content-Disposition": f'attachment; filename="{verdicts[0].owner.username if verdicts else "access"}.csv"'
    }
    return Response(text.getvalue(), status, {**HEADERS, **named}, "text/csv")


def _told(verdict: Verdict, level: Level) -> dict[str, Any]:
    return {
        "user": verdict.person.username,
        "repository": f"{verdict.owner.username}/{verdict.repository.slug}",
        "level": verdict.level.word if verdict.level else None,
        "allowed": verdict.allows(level),
        "because": [_way(way) for way in verdict.ways],
    }


def _way(way: Reason) -> dict[str, str]:
    """A way as `/api/access` tells it: what there is nothing to say of is left out."""
    told = {
        "level": way.level.word,
        "through": way.through.value,
        "group": way.group,
        "since": f"{way.since:%Y-%m-%dT%H:%M:%SZ}" if way.since else None,
        "granted_by": way.granted_by,
    }
    return {name: word for name, word in told.items() if word is not None}


async def people(visit: Visit) -> Response:
    """Everybody in the account: how much each may do there, and through what."""
    name = visit.word("name")

    def found(work: Work) -> dict[str, Any]:
        everybody = cut(
            visit, overviews.people(work, name), lambda each: f"{each.display_name} {each.username}", most=25
        )
        summaries = reach.summaries(work, name, everybody.items)
        return {"place": overviews.place(work, name), "people": everybody, "summaries": summaries}

    return visit.page("ask/people.html", Level=Level, **await visit.look(found))


PAGES = (
    Page("/accounts/{name}/ask", show, is_private=True, is_costly=True),
    Page("/accounts/{name}/people", people, is_private=True, is_costly=True),
)
