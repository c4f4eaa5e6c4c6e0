"""The matrix: groups × repositories, several cells changed at once when one has seen who gains and who loses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, matrix
from onebucket.actions.matrix import CellChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# A page of the matrix: with the longest names that there can be it stays below 100 KB.
GROUPS, REPOSITORIES = 25, 8

# A field is named by its cell and by what was set there when the page was made; the form that confirms has them in one
# text, each with what it is to be.
_WORDS = "default|none|read|write|admin"
_CELL = re.compile(rf"cell:([a-z0-9_-]{{1,62}})/([A-Za-z0-9_.-]{{1,100}}):({_WORDS})")

# What was set is named on the page that follows, as far as there is room.
_NAMED = 3
_SET = re.compile(r"set((?: [a-z0-9_-]{1,62}/[A-Za-z0-9_.-]{1,100}){1,3})(?: ([0-9]{1,6}))?")


def _told(work: UnitOfWork, name: str, done: str, groups: Sequence[Group], repositories: Sequence[Repository]) -> str:
    """What was set just now, as it is: anybody could have written the address."""
    if (found := _SET.fullmatch(done)) is None:
        return ""
    cells = [cell.partition("/")[::2] for cell in found[1].split()]
    rows = {each.slug: each for each in groups if each.slug in {group for group, _ in cells}}
    columns = {each.slug: each for each in repositories if each.slug in {repository for _, repository in cells}}
    set_there = matrix.cells(work, name, [*rows.values()], [*columns.values()])
    said = [
        f"{_said(set_there.get((group, repository)))} for {rows[group].name} on {repository}"
        for group, repository in cells
        if group in rows and repository in columns
    ]
    return f"Set: {', '.join(said)}{f', and {found[2]} more' if found[2] else ''}." if said else ""


def _said(level: Level | None) -> str:
    return "the default" if level is None else "nothing" if level is Level.NONE else level.word


def _set(changes: Sequence[CellChange]) -> str:
    """What was set, for the address of the page that follows."""
    named = "".join(f" {change.group}/{change.repository}" for change in changes[:_NAMED])
    more = len(changes) - _NAMED
    return f"set{named}{f' {more}' if more > 0 else ''}"


async def show(visit: PageRequest) -> Response:
    """The cells of some groups and some repositories, with what was chosen when the form is shown again."""
    name = visit.path_parameter("name")

    def found(work: UnitOfWork) -> dict[str, Any]:
        groups, repositories = matrix.axes(work, name)
        rows = paginate(visit, groups, _group_words, find="groups", start="row", most=GROUPS)
        columns = paginate(
            visit, repositories, _repository_words, find="repositories", start="column", most=REPOSITORIES
        )
        set_there = matrix.cells(work, name, rows.items, columns.items)
        return {
            "place": account_overview.account_summary(work, name),
            "rows": rows,
            "columns": columns,
            "set_there": set_there,
            "done": _told(work, name, visit.query("done"), groups, repositories),
        }

    return visit.page(
        "matrix/page.html",
        chosen=_chosen(visit),
        words=_words,
        **await visit.read(found),
    )


def _group_words(group: Group) -> str:
    return f"{group.name} {group.slug}"


def _repository_words(repository: Repository) -> str:
    return f"{repository.name} {repository.slug}"


def _chosen(visit: PageRequest) -> Mapping[tuple[str, str], str]:
    """What was chosen for each cell of the form that was sent, by the slugs of group and repository."""
    return {(group, repository): value for group, repository, _, value in _sent(visit)}


def _sent(visit: PageRequest) -> Iterator[tuple[str, str, str, str]]:
    """Group, repository, what was set and what is to be, of every cell of the form.

    What is chosen for every cell holds for those for which nothing else is. Raises Invalid.
    """
    listed = (each.rpartition("=") for name, text in visit.typed if name == "cells" for each in text.split())
    every = visit.line("every")
    for name, value in (*visit.typed, *((name, value) for name, _, value in listed)):
        if cell := _CELL.fullmatch(name):
            group, repository, before = cell.groups()
            yield group, repository, before, every if every and value == before else value


def _changes(visit: PageRequest) -> list[CellChange]:
    """The cells of the form that are to be something else. Raises Invalid."""
    return [
        CellChange(group, repository, _level(before), _level(value))
        for group, repository, before, value in _sent(visit)
        if before != value
    ]


def _level(word: str) -> Level | None:
    return None if word == "default" else privileges.parse_level(word, none=True)


def _words(level: Level | None) -> str:
    """The word for what is set in a cell."""
    return "default" if level is None else level.word


async def ask(visit: PageRequest) -> Response:
    """Who would gain and who would lose by the changes of the form."""
    return await _planned(visit)


async def _planned(visit: PageRequest, trouble: str = "", status: int = 200) -> Response:
    name, changes = visit.path_parameter("name"), _changes(visit)
    place, plan = await visit.read(
        lambda work: (account_overview.account_summary(work, name), matrix.plan(work, name, changes))
    )
    gaining = {each.person.id for each in plan.effects if each.after > each.before}
    losing = {each.person.id for each in plan.effects if each.after < each.before}
    return visit.page(
        "matrix/plan.html",
        status=status,
        place=place,
        plan=plan,
        words=_words,
        trouble=trouble,
        gaining=len(gaining),
        losing=len(losing),
        lines=access_changes.worst_first(plan.effects),
    )


async def confirm(visit: PageRequest) -> Response:
    """Change the cells; when anything has moved since one looked, show again who gains and who loses."""
    name, changes, revision = visit.path_parameter("name"), _changes(visit), visit.line("revision")
    if not re.fullmatch("[0-9]{1,17}", revision):
        raise Invalid("look first who gains and who loses")
    try:
        await visit.write(lambda work: matrix.apply(work, name, changes, revision=int(revision)))
    except PlanOutdated as moved:
        return await _planned(visit, trouble=moved.sentence, status=409)
    asked = visit.same_page({"done": _set(changes)}).partition("?")[2]
    return visit.redirect(f"/accounts/{visit.segment('name')}/privileges?{asked}")


PAGES = (
    Page("/accounts/{name}/privileges", show, ask, is_private=True, is_costly=True),
    Page("/accounts/{name}/privileges/set", show, confirm, is_private=True, is_costly=True),
)
