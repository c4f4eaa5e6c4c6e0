"""A group's page: its members, what it is called and may do, and deleting it when one has seen who loses what."""

import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket import slugs
from onebucket.actions import asking, groups, overviews, settling
from onebucket.actions.work import Work
from onebucket.domain import groups as domain
from onebucket.domain.groups import Group
from onebucket.domain.refusals import Conflict, Invalid, NotFound
from onebucket.surfaces.web import differences
from onebucket.surfaces.web.accounts import level
from onebucket.surfaces.web.lists import cut
from onebucket.surfaces.web.visit import Page, Visit, Wrong

# What is said on the page that follows.
DONE = {
    "made": "The group is made. Put somebody into it.",
    "changed": "The group is changed.",
}

_USERNAME = re.compile(r"[A-Za-z0-9_.-]{1,62}")


def _told(visit: Visit, roster: domain.Roster) -> str:
    """What was done just now, as far as it is so: anybody could have written the address."""
    done, _, name = visit.query("done").partition(" ")
    if not _USERNAME.fullmatch(name):
        return DONE.get(done, "")
    is_member = any(each.username == name for each in roster.members or ())
    if done == "added" and is_member:
        return f"{name} is a member of {roster.group.name} now."
    if done == "removed" and not is_member:
        return f"{name} is not a member of {roster.group.name} any more."
    return ""


async def show(visit: Visit) -> Response:
    """The group with its members and, for administrators, forms to change it."""
    account, slug = visit.word("name"), visit.word("slug")

    def found(work: Work) -> dict[str, Any]:
        roster = groups.read(work, account, slug, members=True)
        return {
            "place": overviews.place(work, account),
            "roster": roster,
            "invited": groups.invited(work)(roster) or [],
        }

    seen = await visit.look(found)
    return visit.page(
        "groups/page.html",
        members=cut(visit, seen["roster"].members, lambda each: f"{each.display_name} {each.username}"),
        done=_told(visit, seen["roster"]),
        **seen,
    )


async def change(visit: Visit) -> Response:
    """Change what the group is called and may do; when its slug would be another one, first ask."""
    account, slug, name = visit.word("name"), visit.word("slug"), visit.line("name")
    try:
        new_slug = slugs.slug_of(domain.name_of(name))
    except Invalid as refusal:
        raise Wrong(name=refusal.sentence) from None
    if new_slug not in (slug, visit.line("new_slug")):
        place, roster = await visit.look(
            lambda work: (overviews.place(work, account), groups.read(work, account, slug, members=False))
        )
        if domain.name_of(name) != roster.group.name:
            return visit.page("groups/rename.html", place=place, group=roster.group, new_slug=new_slug)

    try:
        after = await visit.change(partial(_change, visit, account, slug, name))
    except Conflict as refusal:
        raise Wrong(name=refusal.sentence) from None
    return visit.go(f"{_address(visit, after)}?done=changed")


def _change(visit: Visit, account: str, slug: str, name: str, work: Work) -> Group:
    """What the form asks for, in one transaction."""
    word = visit.line("account_privilege")
    privilege = domain.account_privilege_named(word) if word else None
    after = groups.change(
        work,
        account,
        slug,
        name=name,
        permission=level(visit.line("permission")),
        auto_add=visit.is_on("auto_add"),
        email_forwarding_disabled=visit.is_on("email_forwarding_disabled"),
    ).group
    # In the end: by it the actor may lose the right to change anything else.
    groups.set_account_privilege(work, account, after.slug, privilege)
    return after


async def add(visit: Visit) -> Response:
    """Put a person into the group, named by username or address."""
    account, slug, name = visit.word("name"), visit.word("slug"), visit.line("member")
    try:
        if not name:
            raise Invalid("say who: a username or an e-mail address")
        added = await visit.change(lambda work: groups.add_member(work, account, slug, name))
    except (Invalid, Conflict) as refusal:
        raise Wrong(member=refusal.sentence) from None
    except NotFound as refusal:
        # The group itself may be gone: then the page that is shown again says so.
        raise Wrong(member=refusal.sentence) from None
    return visit.go(f"{_address(visit)}?{urlencode({'done': f'added {added.username}'})}#members")


async def ask_to_remove(visit: Visit) -> Response:
    """What a member would lose who leaves the group."""
    account, slug, member = visit.word("name"), visit.word("slug"), visit.word("member")

    def asked(work: Work) -> dict[str, Any]:
        group = groups.read(work, account, slug, members=False).group
        person = groups.member(work, account, slug, member)
        place = overviews.place(work, account)
        losses = [*asking.impact(work, account, slug, member)] if place.administers else None
        endings = settling.by_leaving(work, account, slug, member)
        return {"place": place, "group": group, "person": person, "losses": losses, "endings": endings}

    return visit.page("groups/remove.html", **await visit.look(asked))


async def remove(visit: Visit) -> Response:
    """Take a member out of the group."""
    account, slug, member = visit.word("name"), visit.word("slug"), visit.word("member")
    await visit.change(lambda work: groups.remove_member(work, account, slug, member))
    himself = visit.person is not None and visit.person.username == member
    return visit.go("/me" if himself else f"{_address(visit)}?{urlencode({'done': f'removed {member}'})}#members")


async def ask_to_delete(visit: Visit) -> Response:
    """Who would lose what if the group were deleted."""
    account, slug = visit.word("name"), visit.word("slug")

    def asked(work: Work) -> dict[str, Any]:
        losses = asking.impact(work, account, slug)
        roster = groups.read(work, account, slug, members=True)
        lines = differences.Lines(losses)
        shown = cut(visit, lines.worst_first, lines.words)
        return {
            "place": overviews.place(work, account),
            "roster": roster,
            "losses": shown,
            "lines": [lines.whole(each) for each in shown.items],
            "losers": len({line.person.id for line in lines.worst_first}),
            "endings": settling.by_deleting(work, account, slug),
        }

    return visit.page("groups/delete.html", **await visit.look(asked))


async def delete(visit: Visit) -> Response:
    """Delete the group."""
    account, slug = visit.word("name"), visit.word("slug")
    await visit.change(lambda work: groups.delete(work, account, slug))
    return visit.go(f"/accounts/{visit.segment('name')}?{urlencode({'done': f'deleted {slug}'})}")


def _address(visit: Visit, group: Group | None = None) -> str:
    return f"/accounts/{visit.segment('name')}/groups/{group.slug if group else visit.segment('slug')}"


_GROUP = "/accounts/{name}/groups/{slug}"
PAGES = (
    Page(_GROUP, show, change, is_private=True),
    Page(f"{_GROUP}/members", show, add, is_private=True),
    Page(f"{_GROUP}/members/{{member}}/remove", ask_to_remove, remove, is_private=True, is_costly=True),
    Page(f"{_GROUP}/delete", ask_to_delete, delete, is_private=True, is_costly=True),
)
