"""Pages of a group: members, settings, and deleting it after a preview of who loses access."""

import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket import slugs
from onebucket.actions import access_checks, account_overview, groups, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import groups as domain
from onebucket.domain.groups import Group
from onebucket.domain.refusals import Conflict, Invalid, NotFound
from onebucket.surfaces.web.account.overview import level
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

# Confirmation messages, by the `done` parameter of the next page.
DONE = {
    "made": "The group is made. Put somebody into it.",
    "changed": "The group is changed.",
}

_USERNAME = re.compile(r"[A-Za-z0-9_.-]{1,62}")


def _done_message(visit: PageRequest, roster: domain.GroupWithMembers) -> str:
    """Return the confirmation message named by `done`, if it is still true.

    Anyone could have written the URL.
    """
    done, _, name = visit.query("done").partition(" ")
    if not _USERNAME.fullmatch(name):
        return DONE.get(done, "")
    is_member = any(each.username == name for each in roster.members or ())
    if done == "added" and is_member:
        return f"{name} is a member of {roster.group.name} now."
    if done == "removed" and not is_member:
        return f"{name} is not a member of {roster.group.name} any more."
    return ""


async def show(visit: PageRequest) -> Response:
    """Show the group with its members and, for administrators, the forms to change it."""
    account, slug = visit.path_parameter("name"), visit.path_parameter("slug")

    def found(work: UnitOfWork) -> dict[str, Any]:
        roster = groups.read(work, account, slug, members=True)
        return {
            "place": account_overview.account_summary(work, account),
            "roster": roster,
            "invited": groups.invited(work)(roster) or [],
        }

    seen = await visit.read(found)
    return visit.page(
        "groups/page.html",
        members=paginate(visit, seen["roster"].members, lambda each: f"{each.display_name} {each.username}"),
        done=_done_message(visit, seen["roster"]),
        **seen,
    )


async def change(visit: PageRequest) -> Response:
    """Change the group's name and settings; ask for confirmation first if its slug would change."""
    account, slug, name = visit.path_parameter("name"), visit.path_parameter("slug"), visit.line("name")
    try:
        new_slug = slugs.slugify(domain.check_name(name))
    except Invalid as refusal:
        raise FormErrors(name=refusal.sentence) from None
    if new_slug not in (slug, visit.line("new_slug")):
        place, roster = await visit.read(
            lambda work: (
                account_overview.account_summary(work, account),
                groups.read(work, account, slug, members=False),
            )
        )
        if domain.check_name(name) != roster.group.name:
            return visit.page("groups/rename.html", place=place, group=roster.group, new_slug=new_slug)

    try:
        after = await visit.write(partial(_change, visit, account, slug, name))
    except Conflict as refusal:
        raise FormErrors(name=refusal.sentence) from None
    return visit.redirect(f"{_address(visit, after)}?done=changed")


def _change(visit: PageRequest, account: str, slug: str, name: str, work: UnitOfWork) -> Group:
    """Apply the form's changes in one transaction."""
    word = visit.line("account_privilege")
    privilege = domain.parse_account_privilege(word) if word else None
    after = groups.change(
        work,
        account,
        slug,
        name=name,
        permission=level(visit.line("permission")),
        auto_add=visit.is_checked("auto_add"),
        email_forwarding_disabled=visit.is_checked("email_forwarding_disabled"),
    ).group
    # Last, because it can take away the caller's right to change the rest.
    groups.set_account_privilege(work, account, after.slug, privilege)
    return after


async def add(visit: PageRequest) -> Response:
    """Add a person to the group, by username or e-mail address."""
    account, slug, name = visit.path_parameter("name"), visit.path_parameter("slug"), visit.line("member")
    try:
        if not name:
            raise Invalid("say who: a username or an e-mail address")
        added = await visit.write(lambda work: groups.add_member(work, account, slug, name))
    except (Invalid, Conflict) as refusal:
        raise FormErrors(member=refusal.sentence) from None
    except NotFound as refusal:
        # If the group itself is gone, showing the page again says so.
        raise FormErrors(member=refusal.sentence) from None
    return visit.redirect(f"{_address(visit)}?{urlencode({'done': f'added {added.username}'})}#members")


async def ask_to_remove(visit: PageRequest) -> Response:
    """Preview what a member would lose by leaving the group."""
    account, slug, member = visit.path_parameter("name"), visit.path_parameter("slug"), visit.path_parameter("member")

    def asked(work: UnitOfWork) -> dict[str, Any]:
        group = groups.read(work, account, slug, members=False).group
        person = groups.member(work, account, slug, member)
        place = account_overview.account_summary(work, account)
        losses = [*access_checks.impact(work, account, slug, member)] if place.administers else None
        endings = pending_invitations.ended_by_leaving(work, account, slug, member)
        return {"place": place, "group": group, "person": person, "losses": losses, "endings": endings}

    return visit.page("groups/remove.html", **await visit.read(asked))


async def remove(visit: PageRequest) -> Response:
    """Remove a member from the group."""
    account, slug, member = visit.path_parameter("name"), visit.path_parameter("slug"), visit.path_parameter("member")
    await visit.write(lambda work: groups.remove_member(work, account, slug, member))
    is_self = visit.person is not None and visit.person.username == member
    return visit.redirect("/me" if is_self else f"{_address(visit)}?{urlencode({'done': f'removed {member}'})}#members")


async def ask_to_delete(visit: PageRequest) -> Response:
    """Preview who would lose what if the group were deleted."""
    account, slug = visit.path_parameter("name"), visit.path_parameter("slug")

    def asked(work: UnitOfWork) -> dict[str, Any]:
        losses = access_checks.impact(work, account, slug)
        roster = groups.read(work, account, slug, members=True)
        lines = access_changes.Lines(losses)
        shown = paginate(visit, lines.worst_first, lines.words)
        return {
            "place": account_overview.account_summary(work, account),
            "roster": roster,
            "losses": shown,
            "lines": [lines.whole(each) for each in shown.items],
            "losers": len({line.person.id for line in lines.worst_first}),
            "endings": pending_invitations.ended_by_deleting(work, account, slug),
        }

    return visit.page("groups/delete.html", **await visit.read(asked))


async def delete(visit: PageRequest) -> Response:
    """Delete the group."""
    account, slug = visit.path_parameter("name"), visit.path_parameter("slug")
    await visit.write(lambda work: groups.delete(work, account, slug))
    return visit.redirect(f"/accounts/{visit.segment('name')}?{urlencode({'done': f'deleted {slug}'})}")


def _address(visit: PageRequest, group: Group | None = None) -> str:
    return f"/accounts/{visit.segment('name')}/groups/{group.slug if group else visit.segment('slug')}"


_GROUP = "/accounts/{name}/groups/{slug}"
PAGES = (
    Page(_GROUP, show, change, is_private=True),
    Page(f"{_GROUP}/members", show, add, is_private=True),
    Page(f"{_GROUP}/members/{{member}}/remove", ask_to_remove, remove, is_private=True, is_costly=True),
    Page(f"{_GROUP}/delete", ask_to_delete, delete, is_private=True, is_costly=True),
)
