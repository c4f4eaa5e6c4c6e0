"""An account's own pages: its groups and making one, its repositories, and what it is called."""

import re
from collections.abc import Collection

from starlette.responses import Response

from onebucket.actions import groups, naming, overviews
from onebucket.actions.work import Work
from onebucket.domain import privileges
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.domain.repositories import Repository
from onebucket.surfaces.web.lists import cut
from onebucket.surfaces.web.visit import Page, Visit, Wrong

_DELETED = re.compile("deleted ([a-z0-9_-]{1,62})")


async def show(visit: Visit) -> Response:
    """The groups: all for an administrator, her own for a member."""
    name = visit.word("name")
    place, counted = await visit.look(lambda work: (overviews.place(work, name), overviews.counted(work, name)))
    return visit.page(
        "accounts/page.html",
        place=place,
        groups=cut(visit, counted, lambda each: f"{each.group.name} {each.group.slug}"),
        done=_told(visit.query("done"), {each.group.slug for each in counted}),
    )


def _told(done: str, slugs: Collection[str]) -> str:
    """What was done just now, unless there is such a group: anybody could have written the address."""
    found = _DELETED.fullmatch(done)
    if found is None or found[1] in slugs:
        return ""
    return f"The group {found[1]} is deleted, and with it what it gave its members."


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


async def settings(visit: Visit) -> Response:
    """What the account is called, for its administrators."""
    name = visit.word("name")
    place = await visit.look(lambda work: overviews.settled(work, name))
    done = "It is called so from now on." if visit.query("done") == "named" else ""
    return visit.page("accounts/settings.html", place=place, done=done)


async def change(visit: Visit) -> Response:
    """Call the account something else."""
    name, display_name = visit.word("name"), visit.line("display_name")
    try:
        after = await visit.change(lambda work: naming.call(work, name, display_name))
    except Invalid as refusal:
        raise Wrong(display_name=refusal.sentence) from None
    return visit.go(f"/accounts/{after.username}/settings?done=named")


PAGES = (
    Page("/accounts/{name}", show, is_private=True),
    Page("/accounts/{name}/groups", show, create, is_private=True),
    Page("/accounts/{name}/repositories", repositories, is_private=True),
    Page("/accounts/{name}/settings", settings, change, is_private=True),
)
