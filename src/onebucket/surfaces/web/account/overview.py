"""An account's main pages: its groups, its repositories and its name."""

import re
from collections.abc import Collection

from starlette.responses import Response

from onebucket.actions import account_names, account_overview, groups
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.domain.repositories import Repository
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

_DELETED = re.compile("deleted ([a-z0-9_-]{1,62})")


async def show(visit: PageRequest) -> Response:
    """List the groups: all for administrators, their own for members."""
    name = visit.path_parameter("name")
    place, counted = await visit.read(
        lambda work: (account_overview.account_summary(work, name), account_overview.group_sizes(work, name))
    )
    return visit.page(
        "accounts/page.html",
        place=place,
        groups=paginate(visit, counted, lambda each: f"{each.group.name} {each.group.slug}"),
        done=_done_message(visit.query("done"), {each.group.slug for each in counted}),
    )


def _done_message(done: str, slugs: Collection[str]) -> str:
    """Return the confirmation message named by `done`, unless a group of that slug exists.

    Anyone could have written the URL.
    """
    found = _DELETED.fullmatch(done)
    if found is None or found[1] in slugs:
        return ""
    return f"The group {found[1]} is deleted, and with it what it gave its members."


async def create(visit: PageRequest) -> Response:
    """Create a group and show it."""
    account, name = visit.path_parameter("name"), visit.line("name")
    permission = level(visit.line("permission"))
    try:
        made = await visit.write(lambda work: groups.create(work, account, name=name, permission=permission))
    except (Invalid, Conflict) as refusal:
        raise FormErrors(name=refusal.sentence) from None
    return visit.redirect(f"/accounts/{made.owner.username}/groups/{made.group.slug}?done=made")


def level(word: str) -> Level:
    """Read the level chosen in a form; an empty choice is `NONE`. Raises Invalid."""
    return privileges.parse_level(word or "none", none=True)


async def repositories(visit: PageRequest) -> Response:
    """List the repositories."""
    name = visit.path_parameter("name")

    def listed(work: UnitOfWork) -> tuple[account_overview.AccountSummary, list[Repository]]:
        return account_overview.account_summary(work, name), account_overview.repositories_of(work, name)

    place, found = await visit.read(listed)
    return visit.page(
        "accounts/repositories.html",
        place=place,
        repositories=paginate(visit, found, lambda each: f"{each.name} {each.slug} {each.description}"),
    )


async def settings(visit: PageRequest) -> Response:
    """Show the account's name settings, for its administrators."""
    name = visit.path_parameter("name")
    place = await visit.read(lambda work: account_overview.account_settings(work, name))
    done = "It is called so from now on." if visit.query("done") == "named" else ""
    return visit.page("accounts/settings.html", place=place, done=done)


async def change(visit: PageRequest) -> Response:
    """Change the account's display name."""
    name, display_name = visit.path_parameter("name"), visit.line("display_name")
    try:
        after = await visit.write(lambda work: account_names.rename(work, name, display_name))
    except Invalid as refusal:
        raise FormErrors(display_name=refusal.sentence) from None
    return visit.redirect(f"/accounts/{after.username}/settings?done=named")


PAGES = (
    Page("/accounts/{name}", show, is_private=True),
    Page("/accounts/{name}/groups", show, create, is_private=True),
    Page("/accounts/{name}/repositories", repositories, is_private=True),
    Page("/accounts/{name}/settings", settings, change, is_private=True),
)
