"""Pages of repositories: the list, what is set on one and by its project, and moving it to another project."""

import re
from datetime import datetime
from itertools import repeat
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import account_overview, project_overview, repositories, repository_moves
from onebucket.actions.ending_access import Ending
from onebucket.actions.project_overview import RepositoryOverview
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.ends import SOON
from onebucket.domain.filters import Readers
from onebucket.domain.groups import Group
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.core import access_changes, table_query
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.table_query import BY_VISIBILITY, Table

# With more projects than this, the key of one is typed.
_MOST_CHOICES = 50

# The most of what ends that is listed; the account's page of ends has all.
_MOST_ENDS = 25

# An administrator has the same level on all of them: they are filtered by who else can read them.
_TABLE = Table(
    {
        "slug": "slug",
        "name": "folded name",
        "project": "project_key",
        "visibility": "is_private",
        "changed": "updated_at",
    },
    searched=("slug", "name", "description", "project_key"),
    filter=BY_VISIBILITY,
    falling=frozenset({"changed"}),
)

REVISION = re.compile("[0-9]{1,17}")


class RepositoryPermission(NamedTuple):
    """What a group or a person has on a repository.

    `where` is `project` if it is set on the project, otherwise `this repository` or `group’s default`.
    """

    group: Group | None
    person: Account | None
    level: Level | ProjectLevel
    where: str
    until: datetime | None = None

    @property
    def words(self) -> str:
        """The text that a search matches."""
        if self.group:
            return f"{self.group.name} {self.group.slug}"
        return f"{self.person.display_name} {self.person.username}" if self.person else ""


_READERS: Readers = {
    "holder": lambda each: f"{int(each.person is not None)} {each.words.casefold()}",
    "words": lambda each: each.words,
    "level": lambda each: int(getattr(each.level, "on_repositories", each.level)),
    "source": lambda each: each.where,
}
# Worked out from what is set on the repository, on its project and for groups, by the rules of access checks.
_HOLDINGS = Table(
    {"holder": "holder", "level": "level", "source": "source"},
    searched=("words",),
    filter=table_query.by_level(none=True),
    falling=frozenset({"level"}),
)


async def show_all(request: PageRequest) -> Response:
    """List the repositories with their projects."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        return {
            "summary": account_overview.account_summary(work, name),
            "repositories": table_query.read(request, _TABLE, lambda query: repositories.listed(work, name, query)),
        }

    return request.page("repositories/list.html", **await request.read(load))


async def show(request: PageRequest) -> Response:
    """Show a repository: its project, and what groups and people have there."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")
    overview, soon = await request.read(lambda work: (project_overview.repository(work, account, slug), work.at + SOON))
    key = overview.details.project.key
    done = {f"moved {key}": f"Moved to the project {key}.", "end": "The end is saved."}.get(request.query("done"), "")
    return request.page(
        "repositories/page.html",
        summary=overview.summary,
        overview=overview,
        repository=overview.details.repository,
        project=overview.details.project,
        projects=[(each.key, f"{each.name} ({each.key})") for each in overview.others],
        most_choices=_MOST_CHOICES,
        holdings=table_query.arrange(request, _HOLDINGS, _holdings(overview), _READERS),
        ending=[*map(Ending, overview.ends[:_MOST_ENDS], repeat(True))],
        soon=soon,
        done=done,
    )


def _holdings(overview: RepositoryOverview) -> list[RepositoryPermission]:
    """List groups, then people, by name; what the project gives comes before what is set there."""
    set_here = overview.groups_set_there
    of_groups = {end.group: end.until for end in overview.ends if end.group}
    of_people = {end.person: end.until for end in overview.ends if end.person}
    holdings = [
        *(
            RepositoryPermission(
                getattr(each, "group", None), getattr(each, "person", None), each.level, "project", each.until
            )
            for each in overview.on_project or ()
        ),
        *(
            RepositoryPermission(
                group,
                None,
                each.level,
                "this repository" if group.id in set_here else "group’s default",
                of_groups.get(group.slug),
            )
            for each in overview.groups or ()
            if (group := each.roster.group)
        ),
        *(
            RepositoryPermission(None, each.person, each.level, "this repository", of_people.get(each.person.username))
            for each in overview.people or ()
        ),
    ]
    return sorted(holdings, key=lambda each: (each.person is not None, each.words.casefold()))


async def move(request: PageRequest) -> Response:
    """Preview who would gain and lose by moving the repository to another project; with a revision, move it.

    If the account has changed since the preview, show a new preview instead.
    """
    account, slug, key = request.path_parameter("name"), request.path_parameter("slug"), request.line("project")
    if not request.has("revision"):
        return await _preview(request)
    if not REVISION.fullmatch(request.line("revision")):
        raise Invalid("preview the changes first")
    revision = int(request.line("revision"))
    try:
        await request.write(lambda work: repository_moves.apply(work, account, slug, key, revision=revision))
    except PlanOutdated as refusal:
        return await _preview(request, message=refusal.sentence, status=409)
    moved = await request.read(lambda work: repositories.read(work, account, slug))
    address = f"/accounts/{request.segment('name')}/repositories/{request.segment('slug')}"
    return request.redirect(f"{address}?{urlencode({'done': f'moved {moved.project.key}'})}")


async def _preview(request: PageRequest, message: str = "", status: int = 200) -> Response:
    account, slug, key = request.path_parameter("name"), request.path_parameter("slug"), request.line("project")

    def load(work: UnitOfWork) -> dict[str, Any]:
        plan = repository_moves.plan(work, account, slug, key)
        return {"summary": account_overview.account_summary(work, account), "plan": plan}

    try:
        context = await request.read(load)
    except (Invalid, NotFound) as refusal:
        raise FormErrors(project=refusal.sentence) from None
    effects = access_changes.effects_of(context["plan"].effects)
    return request.page("repositories/move.html", status=status, error=message, effects=effects, **context)


_REPOSITORY = "/accounts/{name}/repositories/{slug}"
PAGES = (
    Page("/accounts/{name}/repositories", show_all, is_private=True),
    Page(_REPOSITORY, show, is_private=True),
    Page(f"{_REPOSITORY}/move", show, move, is_private=True, is_costly=True),
)
