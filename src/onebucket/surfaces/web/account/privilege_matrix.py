"""The privilege matrix (groups × repositories): change several cells at once after a preview of the effects."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from starlette.responses import Response

from onebucket.actions import account_overview, matrix
from onebucket.actions.matrix import CellChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project
from onebucket.domain.refusals import Invalid, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# Rows per page, and columns: as many as these bytes of the page and of its form allow, with what a cell takes in each
# beside its two slugs.
GROUPS, FEWEST_REPOSITORIES, MOST_REPOSITORIES = 25, 8, 50
_PAGE_BYTES, _CELL_IN_PAGE = 78_000, 75
_FORM_BYTES, _CELL_IN_FORM = 60_000, 36

# A field's name holds its cell and the value when the page was made. The confirmation form sends all cells in one
# field, as `name=value` separated by spaces.
_WORDS = "default|none|read|write|admin"
# What is typed into a cell: the letter of a level, or nothing for the group's default.
_LETTERS = {"": "default", "n": "none", "r": "read", "w": "write", "a": "admin"}
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
    if (match := _SET.fullmatch(done)) is None:
        return ""
    cells = [cell.partition("/")[::2] for cell in match[1].split()]
    rows = {group.slug: group for group in groups if group.slug in {slug for slug, _ in cells}}
    columns = {
        repository.slug: repository for repository in repositories if repository.slug in {slug for _, slug in cells}
    }
    levels = matrix.cells(work, name, [*rows.values()], [*columns.values()])
    descriptions = [
        f"{_describe(levels.get((group, repository)))} for {rows[group].name} on {repository}"
        for group, repository in cells
        if group in rows and repository in columns
    ]
    return f"Saved: {', '.join(descriptions)}{f', and {match[2]} more' if match[2] else ''}." if descriptions else ""


def _describe(level: Level | None) -> str:
    return "the default" if level is None else "no access" if level is Level.NONE else level.word


def _done_parameter(changes: Sequence[CellChange]) -> str:
    """Return the `done` parameter that names the changed cells."""
    cells = "".join(f" {change.group}/{change.repository}" for change in changes[:_NAMED])
    rest = len(changes) - _NAMED
    return f"set{cells}{f' {rest}' if rest > 0 else ''}"


async def show(request: PageRequest) -> Response:
    """Show one page of the matrix; keeps what was chosen when the form is shown again."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        axes = matrix.axes(work, name)
        rows = paginate(request, axes.groups, _group_search_text, find="groups", start="row", most=GROUPS)

        def words(repository: Repository) -> str:
            project = axes.projects[repository.project_id]
            return f"{repository.name} {repository.slug} {project.name} {project.key}"

        columns = paginate(
            request, axes.repositories, words, find="repositories", start="column",
            most=_columns(rows.items, axes.repositories),
        )  # fmt: skip
        levels = matrix.cells(work, name, rows.items, columns.items)
        return {
            "summary": account_overview.account_summary(work, name),
            "rows": rows,
            "columns": columns,
            "blocks": _blocks(axes, columns.items),
            "on_projects": axes.on_projects,
            "set_levels": levels,
            "done": _done_message(work, name, request.query("done"), axes.groups, axes.repositories),
        }

    return request.page(
        "permissions/page.html",
        chosen=_chosen(request),
        form_value=_form_value,
        letter=_letter,
        **await request.read(load),
    )


def _columns(groups: Sequence[Group], repositories: Sequence[Repository]) -> int:
    """Return how many repositories fit on a page with these groups."""
    slugs = sum(len(each.slug) for each in groups)
    longest = max((len(each.slug) for each in repositories), default=0)
    fit = min(
        available // (slugs + (longest + cell) * len(groups) or 1)
        for available, cell in ((_PAGE_BYTES, _CELL_IN_PAGE), (_FORM_BYTES, _CELL_IN_FORM))
    )
    return min(max(fit, FEWEST_REPOSITORIES), MOST_REPOSITORIES)


def _group_search_text(group: Group) -> str:
    return f"{group.name} {group.slug}"


class Block(NamedTuple):
    """The columns of one project: `gives` if groups have something on the project itself, then its repositories.

    Each repository comes with its place among all on the page.
    """

    project: Project
    gives: bool
    repositories: list[tuple[int, Repository]]


def _blocks(axes: matrix.Axes, repositories: Sequence[Repository]) -> list[Block]:
    """Group the repositories, which come sorted by project, by their projects."""
    giving = {key for key, _ in axes.on_projects}
    return [
        Block(axes.projects[id], axes.projects[id].key in giving, [*of_project])
        for id, of_project in groupby(enumerate(repositories), key=lambda placed: placed[1].project_id)
    ]


def _chosen(request: PageRequest) -> Mapping[tuple[str, str], str]:
    """Return what was chosen in the form, by the slugs of group and repository."""
    return {(group, repository): value for group, repository, _, value in _read_cells(request)}


def _read_cells(request: PageRequest) -> Iterator[tuple[str, str, str, str]]:
    """Yield (group, repository, value before, new value) for every cell of the form.

    `every` applies to the cells for which nothing else was chosen. Raises Invalid.
    """
    pairs = (item.rpartition("=") for name, text in request.typed if name == "cells" for item in text.split())
    bulk_value = request.line("every")
    for name, value in (*request.typed, *((name, value) for name, _, value in pairs)):
        if cell := _CELL.fullmatch(name):
            group, repository, before = cell.groups()
            value = _LETTERS.get(value.strip().lower(), value)
            yield group, repository, before, bulk_value if bulk_value and value == before else value


def _changes(request: PageRequest) -> list[CellChange]:
    """Return the cells whose value changes. Raises Invalid."""
    return [
        CellChange(group, repository, _level(before), _level(value))
        for group, repository, before, value in _read_cells(request)
        if before != value
    ]


def _level(value: str) -> Level | None:
    return None if value == "default" else privileges.parse_level(value, none=True)


def _form_value(level: Level | None) -> str:
    """Return the word for a cell's level in names of fields."""
    return "default" if level is None else level.word


def _letter(word: str) -> str:
    """Return what a cell shows for a word; what is no level is shown as it was typed."""
    return "" if word == "default" else word[0].upper() if word in _LETTERS.values() else word


async def ask(request: PageRequest) -> Response:
    """Preview who would gain and who would lose by the form's changes."""
    return await _preview(request)


async def _preview(request: PageRequest, message: str = "", status: int = 200) -> Response:
    name, changes, until = request.path_parameter("name"), _changes(request), parsed_end(request)
    try:
        summary, plan = await request.read(
            lambda work: (account_overview.account_summary(work, name), matrix.plan(work, name, changes, until))
        )
    except Invalid as refusal:
        raise error_beside(refusal, until="until") from None
    return request.page(
        "permissions/preview.html",
        status=status,
        summary=summary,
        plan=plan,
        until=until,
        form_value=_form_value,
        error=message,
        effects=access_changes.effects_of(plan.effects),
    )


async def confirm(request: PageRequest) -> Response:
    """Apply the changes.

    If the account has changed since the preview, show a new preview instead.
    """
    name, changes, revision = request.path_parameter("name"), _changes(request), request.line("revision")
    if not re.fullmatch("[0-9]{1,17}", revision):
        raise Invalid("preview the changes first")
    until = parsed_end(request)
    try:
        await request.write(lambda work: matrix.apply(work, name, changes, revision=int(revision), until=until))
    except PlanOutdated as refusal:
        return await _preview(request, message=refusal.sentence, status=409)
    except Invalid as refusal:
        raise error_beside(refusal, until="until") from None
    query = request.same_page({"done": _done_parameter(changes)}).partition("?")[2]
    return request.redirect(f"/accounts/{request.segment('name')}/privileges?{query}")


PAGES = (
    Page("/accounts/{name}/privileges", show, ask, is_private=True, is_costly=True),
    Page("/accounts/{name}/privileges/set", show, confirm, is_private=True, is_costly=True),
)
