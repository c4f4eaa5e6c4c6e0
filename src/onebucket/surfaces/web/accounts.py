"""An account's own pages: its groups and making one, and its repositories."""

from starlette.responses import Response

from onebucket.actions import groups, overviews
from onebucket.actions.work import Work
from onebucket.domain import privileges
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.domain.repositories import Repository
from onebucket.surfaces.web.lists import cut
from onebucket.surfaces.web.visit import Page, Visit, Wrong

# What is said on the page that follows.
DONE = {"deleted": "The group is deleted, and with it what it gave its members."}


async def show(visit: Visit) -> Response:
    """The groups: all for an administrator, her own for a member."""
    name = visit.word("name")
    place, counted = await visit.look(lambda work: (overviews.place(work, name), overviews.counted(work, name)))
    return visit.page(
        "accounts/page.html",
        place=place,
        groups=cut(visit, counted, lambda each: f"{each.group.name} {each.group.slug}"),
        done=DONE.get(visit.query("done"), ""),
    )


async def create(visit: Visit) -> Response:
    """Make a group, and show it."""
    account, name = visit.word("name"), visit.line("name")
    permission = level(visit.line("permission"))
    try:
        made = await visit.change(lambda work: groups.create(work, account, name=name, permission=permission))
    except (Invalid, Conflict) as refusal:
        raise Wrong(name=refusal.sentence) from None
    return visit.go(f"/accounts/{made.owner.username}/groups/{made.group.slug}?done=made")


def level(word: str) -> Level:
    """The level that was chosen in a form; nothing is `NONE`. Raises Invalid."""
    return privileges.named(word or "none", none=True)


async def repositories(visit: Visit) -> Response:
    """The repositories."""
    name = visit.word("name")

    def listed(work: Work) -> tuple[overviews.Place, list[Repository]]:
        return overviews.place(work, name), overviews.repositories_of(work, name)

    place, found = await visit.look(listed)
    return visit.page(
        "accounts/repositories.html",
        place=place,
        repositories=cut(visit, found, lambda each: f"{each.name} {each.slug} {each.description}"),
    )


PAGES = (
    Page("/accounts/{name}", show, is_private=True),
    Page("/accounts/{name}/groups", show, create, is_private=True),
    Page("/accounts/{name}/repositories", repositories, is_private=True),
)
