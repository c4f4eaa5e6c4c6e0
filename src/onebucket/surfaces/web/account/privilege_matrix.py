"""The privilege matrix (groups × repositories): change several cells at once after a preview of the effects."""

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

# Rows and columns per page: below 100 KB even with the longest names.
GROUPS, REPOSITORIES = 25, 8

# A field's name holds its cell and the value when the page was made. The confirmation form sends all cells in one
# field, as `name=value` separated by spaces.
_WORDS = "default|none|read|write|admin"
_CELL = re.compile(rf"cell:([a-z0-9_-]{{1,62}})/([A-Za-z0-9_.-]{{1,100}}):({_WORDS})")

# At most this many changed cells are named in the confirmation message.
_NAMED = 3
_SET = re.compile(r"set((?: [a-z0-9_-]{1,62}/[A-Za-z0-9_.-]{1,100}){1,3})(?: ([0-9]{1,6}))?")


def _done_message(
    work: UnitOfWork, name: str, done: str, groups: Sequence[Group], repositories: Sequence[Repository]
) -> str:
    """Describe the cells that `done` names, as they are set now.

    Anyone could have written the URL.
    """
    if (found := _SET.fullmatch(done)) is None:
        return ""
    cells = [cell.partition("/")[::2] for cell in found[1].split()]
    rows = {each.slug: each for each in groups if each.slug in {group for group, _ in cells}}
    columns = {each.slug: each for each in repositories if each.slug in {repository for _, repository in cells}}
    set_there = matrix.cells(work, name, [*rows.values()], [*columns.values()])
    said = [
        f"{_describe(set_there.get((group, repository)))} for {rows[group].name} on {repository}"
        for group, repository in cells
        if group in rows and repository in columns
    ]
    return f"Set: {', '.join(said)}{f', and {found[2]} more' if found[2] else ''}." if said else ""


def _describe(level: Level | None) -> str:
    return "the default" if level is None else "nothing" if level is Level.NONE else level.word


def _done_parameter(changes: Sequence[CellChange]) -> str:
    """Return the `done` parameter that names the changed cells."""
    named = "".join(f" {change.group}/{change.repository}" for change in changes[:_NAMED])
    more = len(changes) - _NAMED
    return f"set{named}{f' {more}' if more > 0 else ''}"


async def show(visit: PageRequest) -> Response:
    """Show one page of the matrix; keeps what was chosen when the form is shown again."""
    name = visit.path_parameter("name")

    def found(work: UnitOfWork) -> dict[str, Any]:
        groups, repositories = matrix.axes(work, name)
        rows = paginate(visit, groups, _group_search_text, find="groups", start="row", most=GROUPS)
        columns = paginate(
            visit, repositories, _repository_search_text, find="repositories", start="column", most=REPOSITORIES
        )
        set_there = matrix.cells(work, name, rows.items, columns.items)
        return {
            "place": account_overview.account_summary(work, name),
            "rows": rows,
            "columns": columns,
            "set_there": set_there,
            "done": _done_message(work, name, visit.query("done"), groups, repositories),
        }

    return visit.page(
        "matrix/page.html",
        chosen=_chosen(visit),
        words=_form_value,
        **await visit.read(found),
    )


def _group_search_text(group: Group) -> str:
    return f"{group.name} {group.slug}"


def _repository_search_text(repository: Repository) -> str:
    return f"{repository.name} {repository.slug}"


def _chosen(visit: PageRequest) -> Mapping[tuple[str, str], str]:
    """Return what was chosen in the form, by the slugs of group and repository."""
    return {(group, repository): value for group, repository, _, value in _read_cells(visit)}


def _read_cells(visit: PageRequest) -> Iterator[tuple[str, str, str, str]]:
    """Yield (group, repository, value before, new value) for every cell of the form.

    `every` applies to the cells for which nothing else was chosen. Raises Invalid.
    """
    listed = (each.rpartition("=") for name, text in visit.typed if name == "cells" for each in text.split())
    every = visit.line("every")
    for name, value in (*visit.typed, *((name, value) for name, _, value in listed)):
        if cell := _CELL.fullmatch(name):
            group, repository, before = cell.groups()
            yield group, repository, before, every if every and value == before else value


def _changes(visit: PageRequest) -> list[CellChange]:
    """Return the cells whose value changes. Raises Invalid."""
    return [
        CellChange(group, repository, _level(before), _level(value))
        for group, repository, before, value in _read_cells(visit)
        if before != value
    ]


def _level(word: str) -> Level | None:
    return None if word == "default" else privileges.parse_level(word, none=True)


def _form_value(level: Level | None) -> str:
    """Return the form value for a cell's level."""
    return "default" if level is None else level.word


async def ask(visit: PageRequest) -> Response:
    """Preview who would gain and who would lose by the form's changes."""
    return await _preview(visit)


async def _preview(visit: PageRequest, trouble: str = "", status: int = 200) -> Response:
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
        words=_form_value,
        trouble=trouble,
        gaining=len(gaining),
        losing=len(losing),
        lines=access_changes.worst_first(plan.effects),
    )


async def confirm(visit: PageRequest) -> Response:
    """Apply the changes.

    If the account has changed since the preview, show a new preview instead.
    """
    name, changes, revision = visit.path_parameter("name"), _changes(visit), visit.line("revision")
    if not re.fullmatch("[0-9]{1,17}", revision):
        raise Invalid("look first who gains and who loses")
    try:
        await visit.write(lambda work: matrix.apply(work, name, changes, revision=int(revision)))
    except PlanOutdated as moved:
        return await _preview(visit, trouble=moved.sentence, status=409)
    asked = visit.same_page({"done": _done_parameter(changes)}).partition("?")[2]
    return visit.redirect(f"/accounts/{visit.segment('name')}/privileges?{asked}")


PAGES = (
    Page("/accounts/{name}/privileges", show, ask, is_private=True, is_costly=True),
    Page("/accounts/{name}/privileges/set", show, confirm, is_private=True, is_costly=True),
)
