"""Mirrors of an account: how each is doing, what differs at the host, who would gain and lose, pausing and resuming."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from starlette.responses import Response

from onebucket.actions import mirror_overview, mirrors
from onebucket.actions.mirror_overview import MirrorOverview
from onebucket.domain import drift_matrix
from onebucket.domain.mirrors import Drift, DriftKind, MirrorState
from onebucket.domain.privileges import Level
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.access_changes import Effects
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS
from onebucket.surfaces.web.core.pagination import ListPage, paginate
from onebucket.wire import csv_writer

MIRRORS = "/accounts/{name}/mirrors"
MIRROR = f"{MIRRORS}/{{mirror}}"

# Rows and columns of the matrix on a page: below 100 KB even with the longest names.
PEOPLE, REPOSITORIES = 50, 8

# The people who are named of those with the same change.
_NAMED = 3

DONE = {
    "paused": "Mirror paused: it carries nothing over until it is resumed.",
    "resumed": "Mirror resumed: it compares everything within seconds.",
    "configured": "Settings saved. The mirror reads them at its next comparison.",
}

KINDS = {
    DriftKind.DIFFERENCE: "put right by the mirror",
    DriftKind.FOREIGN: "not set by the mirror",
    DriftKind.INHERITED: "through a group or project there",
}


class Condition(NamedTuple):
    """How a mirror is doing: a sign and a word for it, `good`, `bad` or neither, and what to do about it."""

    sign: str
    word: str
    tone: str
    advice: str


def condition(mirror: MirrorOverview, at: datetime) -> Condition:
    """Describe how a mirror is doing at that time."""
    status = mirror.status
    start = (
        f"`onebucket mirror follow {mirror.name}` does, and so does the server unless `start` is off in onebucket.toml"
    )
    gone = (
        "onebucket.toml has no mirror of this name for the account. What it has set at the host stays there; "
        f"`onebucket mirror forget {mirror.name}` takes it off this list"
    )
    if mirror.definition is None:
        return Condition("–", "no longer configured", "", gone)
    if status is None:
        return Condition("–", "never run", "", f"No process has followed it yet: {start}")
    if status.state is MirrorState.PAUSED:
        return Condition("‖", "paused", "", "Nothing is carried over until it is resumed")
    if status.state is MirrorState.STOPPED:
        return Condition("✗", "stopped", "bad", "Put that right, and then resume the mirror")
    if status.state is MirrorState.ASKS:
        return Condition("?", "asks", "bad", "Look at who would lose access, and then allow it, or put it right here")
    if not status.holder_at(at):
        return Condition("!", "not followed", "bad", f"No process follows it, so nothing is carried over: {start}")
    if status.state is MirrorState.WAITING:
        return Condition("…", "waiting", "bad", "It tries again by itself")
    return Condition("✓", "running", "good", "")


async def show_all(request: PageRequest) -> Response:
    """List the mirrors of the account, or say how to set one up."""
    name = request.path_parameter("name")
    (summary, found), at = await request.read(
        lambda work: (mirror_overview.listed(work, name, request.site.mirrors), work.at)
    )
    return request.page("mirrors/list.html", summary=summary, mirrors=[(each, condition(each, at)) for each in found])


class _Person(NamedTuple):
    id: str
    username: str


class _Repository(NamedTuple):
    slug: str


class Line(NamedTuple):
    """What one person gains or loses at the host, on all repositories with the same change."""

    person: _Person
    repositories: Sequence[_Repository]
    before: Level
    after: Level


def lines(drift: Iterable[Drift]) -> list[Line]:
    """Return what people gain and lose when these differences are carried over."""
    found: dict[tuple[_Person, Level, Level], list[_Repository]] = {}
    for each in drift:
        change = (_Person(each.person_id, each.name), each.there, each.here)
        found.setdefault(change, []).append(_Repository(each.repository))
    return [Line(person, repositories, before, after) for (person, before, after), repositories in found.items()]


def grouped(effects: Effects[Line]) -> list[Line]:
    """Return the lines with one for all people with the same change on the same repositories, in their order."""
    found: dict[tuple[Sequence[_Repository], Level, Level], list[_Person]] = {}
    for person, repositories, before, after in effects.lines:
        found.setdefault((tuple(repositories), before, after), []).append(person)
    return [Line(_together(people), *change) for change, people in found.items()]


def _together(people: Sequence[_Person]) -> _Person:
    names = [each.username for each in people]
    if len(names) <= _NAMED:
        return _Person(people[0].id, ", ".join(names))
    return _Person(people[0].id, f"{names[0]} and {len(names) - 1:,} more")


async def show(request: PageRequest) -> Response:
    """Show how a mirror is doing, who gains and who loses, what it did last, and its settings."""
    name, mirror = request.path_parameter("name"), request.path_parameter("mirror")
    details, at = await request.read(
        lambda work: (mirror_overview.one(work, name, mirror, request.site.mirrors), work.at)
    )
    carried = [each for each in details.drift if each.kind is DriftKind.DIFFERENCE]
    effects = access_changes.effects_of(lines(carried))
    return request.page(
        "mirrors/page.html",
        summary=details.summary,
        mirror=details.mirror,
        condition=condition(details.mirror, at),
        holder=details.mirror.status.holder_at(at) if details.mirror.status else "",
        effects=effects,
        lines=grouped(effects),
        strangers=[each.name for each in details.drift if each.kind is DriftKind.STRANGER],
        refused=[each for each in carried if each.refused],
        lately=details.lately,
        done=DONE.get(request.query("done"), ""),
    )


async def pause(request: PageRequest) -> Response:
    """Pause the mirror."""
    name, mirror = request.path_parameter("name"), request.path_parameter("mirror")
    await request.write(lambda work: mirrors.pause(work, name, mirror))
    return request.redirect(f"{address(request)}?done=paused")


async def resume(request: PageRequest) -> Response:
    """Let the mirror continue and compare everything; with `allowed`, take away as many permissions as that once."""
    name, mirror, allowed = request.path_parameter("name"), request.path_parameter("mirror"), request.line("allowed")
    number = int(allowed) if allowed.isascii() and allowed.isdigit() and len(allowed) < 10 else None
    await request.write(lambda work: mirrors.resume(work, name, mirror, allowed_removals=number))
    return request.redirect(f"{address(request)}?done=resumed")


async def show_drift(request: PageRequest) -> Response:
    """Show what differs as people × repositories, or return all of it as CSV."""
    name, mirror = request.path_parameter("name"), request.path_parameter("mirror")
    details = await request.read(lambda work: mirror_overview.one(work, name, mirror, request.site.mirrors))
    kind = next((each for each in KINDS if each.value == request.query("kind")), None)
    drift = [each for each in details.drift if kind in (None, each.kind)]
    if request.query("format") == "csv":
        return _csv(drift, mirror)
    drift = [each for each in drift if each.kind is not DriftKind.STRANGER]
    matrix = drift_matrix.matrix(drift)
    rows = _axis(request, matrix.people, "people", "row", PEOPLE)
    columns = _axis(request, matrix.repositories, "repositories", "column", REPOSITORIES)
    return request.page(
        "mirrors/drift.html",
        summary=details.summary,
        mirror=details.mirror,
        rows=rows,
        columns=columns,
        cells=matrix.cells,
        kind=kind,
        kinds=KINDS,
        is_cut=any(total > len(drift) for total in _totals(details.mirror, kind)),
    )


def _axis(
    request: PageRequest, groups: Sequence[Sequence[str]], name: str, start: str, most: int
) -> ListPage[tuple[int, Sequence[str]]]:
    """Return the page of the rows or columns that the query asks for, each with its place in the matrix."""
    return paginate(request, enumerate(groups), lambda each: " ".join(each[1]), find=name, start=start, most=most)


def _totals(mirror: MirrorOverview, kind: DriftKind | None) -> list[int]:
    """Return how much differs, of a kind or in all; what is stored of it has a limit."""
    if mirror.status is None:
        return []
    counts = mirror.status.counts
    of_kind = {
        DriftKind.DIFFERENCE: counts.differences,
        DriftKind.FOREIGN: counts.foreign,
        DriftKind.INHERITED: counts.inherited,
    }
    return [of_kind[kind] if kind else counts.drift]


def _csv(drift: Iterable[Drift], name: str) -> Response:
    columns = ("person", "account_id", "repository", "there", "here", "kind", "refused")
    rows = (
        (each.name, each.person_id, each.repository, each.there.word, each.here.word, each.kind.value, each.refused)
        for each in drift
    )
    file = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter in "_-")) or "mirror"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{file}.csv"'}
    return Response(csv_writer.text([columns, *rows]), 200, headers, "text/csv")


def address(request: PageRequest) -> str:
    """Return the address of the mirror's page."""
    return f"/accounts/{request.segment('name')}/mirrors/{request.segment('mirror')}"


PAGES = (
    Page(MIRRORS, show_all, is_private=True),
    Page(MIRROR, show, is_private=True, is_costly=True),
    Page(f"{MIRROR}/differences", show_drift, is_private=True, is_costly=True),
    Page(f"{MIRROR}/pause", show, pause, is_private=True),
    Page(f"{MIRROR}/resume", show, resume, is_private=True),
)
