"""Pages of repositories: the list, what is set on one and by its project, and moving it to another project.

Adding, changing and deleting one is in `repository_settings`, the form of its permissions in `repository_permissions`.
"""

import re
from collections.abc import Iterable, Iterator
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
from onebucket.domain.projects import Project, ProjectLevel
from onebucket.domain.refusals import Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.account.permission_form import REVISION
from onebucket.surfaces.web.core import access_changes, table_query
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.table_query import BY_VISIBILITY, Table

# With more projects than this, the key of one is typed.
MOST_CHOICES = 50

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
    def set_here(self) -> str:
        """The word of what is set on the repository itself."""
        return self.level.word if self.where == "this repository" else NOT_SET

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
# Each row has a field: a page of 100 would be too large.
_HOLDINGS = Table(
    {"holder": "holder", "level": "level", "source": "source"},
    searched=("words",),
    filter=table_query.by_level(none=True),
    falling=frozenset({"level"}),
    usual=25,
    sizes=(25, 50),
)

# The most groups offered as suggestions.
_MOST_NAMES = 200

# The word for nothing that is set on the repository: a group has its default there.
NOT_SET = "default"
_WORDS = f"{NOT_SET}|none|read|write|admin"
# A field's name holds the group or the person, and what was set when the page was made.
_HOLDER = re.compile(rf"(group|user):([A-Za-z0-9_.-]{{1,62}}):({_WORDS})")

_DELETED = re.compile("deleted ([A-Za-z0-9_.-]{1,100})")
DONE = {
    "added": "Repository added. Set permissions below.",
    "changed": "Repository saved.",
    "permissions": "Permissions saved.",
    "end": "The end is saved.",
}


async def show_all(request: PageRequest) -> Response:
    """List the repositories with their projects."""
    name, deleted = request.path_parameter("name"), _DELETED.fullmatch(request.query("done"))

    def load(work: UnitOfWork) -> dict[str, Any]:
        # Anyone could have written the address.
        is_deleted = deleted and not repositories.exists(work, name, deleted[1])
        return {
            "summary": account_overview.account_summary(work, name),
            "repositories": table_query.read(request, _TABLE, lambda query: repositories.listed(work, name, query)),
            "done": f"Repository {deleted[1]} deleted." if deleted and is_deleted else "",
        }

    return request.page("repositories/list.html", **await request.read(load))


def project_choices(some: Iterable[Project]) -> list[tuple[str, str]]:
    """Return the choices of a field for a project: its key, and the text to show."""
    return [(each.key, f"{each.name} ({each.key})") for each in some]


def chosen_levels(request: PageRequest) -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind, name, word before, word chosen) for every group and person in the form's list."""
    for field, value in request.typed:
        if match := _HOLDER.fullmatch(field):
            kind, name, before = match.groups()
            yield kind, name, before, value


async def show(request: PageRequest) -> Response:
    """Show a repository: its project, and what groups and people have there."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")
    overview, soon = await request.read(lambda work: (project_overview.repository(work, account, slug), work.at + SOON))
    key = overview.details.project.key
    done = (DONE | {f"moved {key}": f"Moved to the project {key}."}).get(request.query("done"), "")
    groups = [each.roster.group for each in overview.groups or ()]
    return request.page(
        "repositories/page.html",
        summary=overview.summary,
        overview=overview,
        repository=overview.details.repository,
        project=overview.details.project,
        projects=project_choices(overview.others),
        most_choices=MOST_CHOICES,
        group_names=[group.slug for group in groups[:_MOST_NAMES]],
        not_set=NOT_SET,
        chosen={(kind, name): after for kind, name, _, after in chosen_levels(request)},
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


REPOSITORY = "/accounts/{name}/repositories/{slug}"
PAGES = (
    Page("/accounts/{name}/repositories", show_all, is_private=True),
    Page(REPOSITORY, show, is_private=True),
    Page(f"{REPOSITORY}/move", show, move, is_private=True, is_costly=True),
)
