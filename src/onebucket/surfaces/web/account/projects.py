"""Pages of projects: the list, one with its repositories and its settings, creating and deleting one."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import account_overview, project_overview, projects
from onebucket.actions.project_overview import ProjectOverview
from onebucket.actions.repositories import RepositoryDetails
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import projects as domain
from onebucket.domain.ends import SOON
from onebucket.domain.filters import Readers
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Conflict
from onebucket.surfaces.web.core import table_query
from onebucket.surfaces.web.core.form_fields import checked
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.table_query import BY_VISIBILITY, Table, TablePage

DONE = {
    "created": "Project created. Move repositories here on their pages, and set permissions below.",
    "changed": "Project saved.",
    "permissions": "Permissions saved.",
    "end": "The end is saved.",
}

# The most groups offered as suggestions, and permissions that end.
_MOST_NAMES, _MOST_ENDS = 200, 25

_PROJECTS = Table(
    {"key": "key", "name": "name", "repositories": "repositories", "visibility": "is_private"},
    searched=("words",),
    filter=BY_VISIBILITY,
    falling=frozenset({"repositories"}),
)
_REPOSITORIES = Table(
    {"slug": "slug", "name": "folded name", "visibility": "is_private"},
    searched=("slug", "name", "description"),
    filter=BY_VISIBILITY,
)
# Each row has a field: a page of 100 would be too large.
_GRANTS = Table(
    {"holder": "holder", "level": "level"},
    searched=("words",),
    filter=table_query.by_level(levels=ProjectLevel),
    falling=frozenset({"level"}),
    usual=25,
    sizes=(25, 50),
    find="holders",
    start="row",
    prefix="holders-",
)
# A field's name holds the group or the person, and the level when the page was made.
_LEVELS = "|".join(level.word for level in ProjectLevel)
_HOLDER = re.compile(rf"(group|user):([A-Za-z0-9_.-]{{1,62}}):({_LEVELS})")
_DELETED = re.compile("deleted ([A-Z][A-Z0-9_]{0,127})")


async def show_all(request: PageRequest) -> Response:
    """List the account's projects and, for administrators, the form for a new one."""
    name = request.path_parameter("name")
    summary, found = await request.read(
        lambda work: (account_overview.account_summary(work, name), projects.listed(work, name))
    )
    return request.page(
        "projects/list.html",
        summary=summary,
        projects=table_query.arrange(request, _PROJECTS, found, _PROJECT_READERS),
        done=_deleted_message(request.query("done"), {each.project.key for each in found}),
    )


def _deleted_message(done: str, keys: Collection[str]) -> str:
    """Return the confirmation message named by `done`, unless there is a project with that key.

    Anyone could have written the URL.
    """
    match = _DELETED.fullmatch(done)
    return f"Project {match[1]} deleted." if match and match[1] not in keys else ""


async def create(request: PageRequest) -> Response:
    """Create a project and show it."""
    account, (key, name, description) = request.path_parameter("name"), _texts(request)
    is_private = request.is_checked("is_private")
    try:
        project = await request.write(
            lambda work: projects.create(work, account, key, name=name, description=description, is_private=is_private)
        )
    except Conflict as refusal:
        raise FormErrors(key=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/projects/{project.key}?done=created")


def _texts(request: PageRequest) -> tuple[str, str, str]:
    """Return the checked key, name and description of the form. Raises FormErrors."""
    texts = checked(
        key=(domain.check_key, domain.normal_key(request.line("key"))),
        name=(domain.check_name, request.line("name")),
        description=(domain.check_description, request.line("description")),
    )
    return texts["key"], texts["name"], texts["description"]


async def show(request: PageRequest) -> Response:
    """Show a project: its repositories and, for its administrators, its permissions and settings."""
    account, key = request.path_parameter("name"), request.path_parameter("key")

    def load(work: UnitOfWork) -> tuple[ProjectOverview, TablePage[RepositoryDetails], list[str], datetime]:
        overview = project_overview.project(work, account, key)
        names = (
            [size.group.slug for size in account_overview.group_sizes(work, account)]
            if overview.summary.administers
            else []
        )
        there = table_query.read(
            request, _REPOSITORIES, lambda query: project_overview.repositories_in(work, overview.found, query)
        )
        return overview, there, names, work.at + SOON

    overview, repositories, names, soon = await request.read(load)
    ends = [(each.until, each) for each in overview.grants or () if each.until]
    return request.page(
        "projects/page.html",
        summary=overview.summary,
        found=overview.found,
        project=overview.found.project,
        may_change=overview.grants is not None,
        repositories=repositories,
        grants=table_query.arrange(request, _GRANTS, sorted(overview.grants or (), key=_holder), _READERS),
        group_names=names[:_MOST_NAMES],
        levels=[*ProjectLevel],
        ending=[each for _, each in sorted(ends, key=lambda found: found[0])[:_MOST_ENDS]],
        soon=soon,
        chosen={(kind, name): after for kind, name, _, after in chosen_levels(request)},
        done=DONE.get(request.query("done"), ""),
    )


def chosen_levels(request: PageRequest) -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind, name, word before, word chosen) for every group and person in the form's list."""
    for field, value in request.typed:
        if match := _HOLDER.fullmatch(field):
            kind, name, before = match.groups()
            yield kind, name, before, value


def _words(grant: Any) -> str:
    group = getattr(grant, "group", None)
    return f"{group.name} {group.slug}" if group else f"{grant.person.display_name} {grant.person.username}"


def _holder(grant: Any) -> str:
    """Groups come before people."""
    return f"{int(hasattr(grant, 'person'))} {_words(grant).casefold()}"


_READERS: Readers = {
    "holder": _holder,
    "words": _words,
    "level": lambda each: int(each.level),
}
_PROJECT_READERS: Readers = {
    "key": lambda each: each.project.key,
    "name": lambda each: each.project.name.casefold(),
    "words": lambda each: f"{each.project.key} {each.project.name} {each.project.description}",
    "repositories": lambda each: each.repositories,
    "is_private": lambda each: each.project.is_private,
}


async def change(request: PageRequest) -> Response:
    """Change the project's key, name, description and visibility."""
    account, old_key = request.path_parameter("name"), request.path_parameter("key")
    key, name, description = _texts(request)
    is_private = request.is_checked("is_private")
    try:
        project = await request.write(
            lambda work: projects.change(
                work, account, old_key, new_key=key, name=name, description=description, is_private=is_private
            )
        )
    except Conflict as refusal:
        raise FormErrors(key=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/projects/{project.key}?done=changed")


async def ask_to_delete(request: PageRequest) -> Response:
    """Show what goes with the project, or that it has repositories."""
    account, key = request.path_parameter("name"), request.path_parameter("key")
    overview = await request.read(lambda work: project_overview.project_to_delete(work, account, key))
    return request.page(
        "projects/delete.html",
        summary=overview.summary,
        found=overview.found,
        project=overview.found.project,
        grants=overview.grants,
    )


async def delete(request: PageRequest) -> Response:
    """Delete the project. It must not have repositories."""
    account, key = request.path_parameter("name"), request.path_parameter("key")

    def delete(work: UnitOfWork) -> str:
        found = projects.read(work, account, key).project.key
        projects.delete(work, account, key)
        return found

    deleted = await request.write(delete)
    return request.redirect(f"/accounts/{request.segment('name')}/projects?{urlencode({'done': f'deleted {deleted}'})}")


PROJECT = "/accounts/{name}/projects/{key}"
PAGES = (
    Page("/accounts/{name}/projects", show_all, create, is_private=True),
    Page(PROJECT, show, change, is_private=True),
    Page(f"{PROJECT}/delete", ask_to_delete, delete, is_private=True),
)
