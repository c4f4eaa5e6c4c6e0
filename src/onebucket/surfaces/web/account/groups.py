"""Pages of a group: members, settings, and deleting it after a preview of who loses access."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket import slugs
from onebucket.actions import (
    access_checks,
    account_overview,
    groups,
    pending_invitations,
    project_privileges,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import groups as domain
from onebucket.domain.accounts import Account
from onebucket.domain.ends import SOON, EndWish
from onebucket.domain.filters import Comparison, ListQuery, Operator
from onebucket.domain.groups import Group
from onebucket.domain.refusals import AlreadyMember, Conflict, Invalid, NotFound
from onebucket.surfaces.web.account.overview import level
from onebucket.surfaces.web.core import access_changes, table_query
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate
from onebucket.surfaces.web.core.table_query import Table

# Confirmation messages, by the `done` parameter of the next page.
DONE = {
    "made": "Group created. Add its members next.",
    "changed": "Group saved.",
    "members": "Members added.",
    "end": "The end of the membership is saved.",
}

# What a group gives, it gives to all of its members: they aren't filtered by level.
_MEMBERS = Table(
    {"username": "username_key", "name": "folded name", "added": "added_at", "until": "ends_at"},
    searched=("username", "name"),
    falling=frozenset({"added"}),
)

# People who are added at once.
MOST_ADDED = 100
_USERNAME = re.compile(r"[A-Za-z0-9_.-]{1,62}")


def _done_message(work: UnitOfWork, request: PageRequest, group: Group) -> str:
    """Return the confirmation message named by `done`, if it is still true.

    Anyone could have written the URL.
    """
    done, _, name = request.query("done").partition(" ")
    if not _USERNAME.fullmatch(name):
        return DONE.get(done, "")
    named = ListQuery(0, filter=Comparison("username", Operator.EQUAL, name))
    _, is_member = account_overview.members(work, group.account_id, group.slug, named)
    if done == "added" and is_member:
        return f"{name} is now a member of {group.name}."
    if done == "removed" and not is_member:
        return f"{name} is no longer a member of {group.name}."
    return ""


async def show(request: PageRequest) -> Response:
    """Show the group with its members and, for administrators, the forms to change it."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")

    def load(work: UnitOfWork) -> dict[str, Any]:
        roster = groups.read(work, account, slug, members=False)
        summary = account_overview.account_summary(work, account)
        return {
            "summary": summary,
            "group": roster.group,
            "members": table_query.read(
                request, _MEMBERS, lambda query: account_overview.members(work, account, slug, query)
            ),
            "keeper": groups.keeper(work, account, slug) if request.site.group_providers else None,
            "on_projects": project_privileges.of_group_everywhere(work, account, slug) if summary.administers else {},
            "invited": groups.invited(work)(roster) or [],
            "soon": work.at + SOON,
            "done": _done_message(work, request, roster.group),
        }

    context = await request.read(load)
    return request.page("groups/page.html", keepers=_keepers(request, context["keeper"]), **context)


def _keepers(request: PageRequest, keeper: str | None) -> list[tuple[str, str]]:
    """Return the choices of who keeps a group: nobody, a provider that names groups, or the one that does now."""
    names = dict.fromkeys((*request.site.group_providers, *([keeper] if keeper else [])))
    return [("", "no"), *((name, request.site.providers.get(name, name)) for name in names)]


async def change(request: PageRequest) -> Response:
    """Change the group's name and settings; ask for confirmation first if its slug would change."""
    account, slug, name = request.path_parameter("name"), request.path_parameter("slug"), request.line("name")
    try:
        new_slug = slugs.slugify(domain.check_name(name))
    except Invalid as refusal:
        raise FormErrors(name=refusal.sentence) from None
    if new_slug not in (slug, request.line("new_slug")):
        summary, roster = await request.read(
            lambda work: (
                account_overview.account_summary(work, account),
                groups.read(work, account, slug, members=False),
            )
        )
        if domain.check_name(name) != roster.group.name:
            return request.page("groups/rename.html", summary=summary, group=roster.group, new_slug=new_slug)

    try:
        group = await request.write(partial(_change, request, account, slug, name))
    except Conflict as refusal:
        raise FormErrors(name=refusal.sentence) from None
    return request.redirect(f"{_address(request, group)}?done=changed")


def _change(request: PageRequest, account: str, slug: str, name: str, work: UnitOfWork) -> Group:
    """Apply the form's changes in one transaction."""
    account_privilege = request.line("account_privilege")
    privilege = domain.parse_account_privilege(account_privilege) if account_privilege else None
    group = groups.change(
        work,
        account,
        slug,
        name=name,
        permission=level(request.line("permission")),
        auto_add=request.is_checked("auto_add"),
        email_forwarding_disabled=request.is_checked("email_forwarding_disabled"),
    ).group
    if request.has("kept_by_sign_in"):
        keeper, wanted = groups.keeper(work, account, group.slug), request.line("kept_by_sign_in")
        if wanted not in ("", keeper, *request.site.group_providers):
            raise Invalid("no provider of that name keeps groups")
        groups.set_keeper(work, account, group.slug, wanted or None)
    # Last, because it can take away the caller's right to change the rest.
    groups.set_account_privilege(work, account, group.slug, privilege)
    return group


async def add(request: PageRequest) -> Response:
    """Add people to the group, by usernames or e-mail addresses: all of them, or nobody."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")
    names = [*dict.fromkeys(request.words("member"))]
    if not names:
        raise FormErrors(member="enter a username or an e-mail address")
    if len(names) > MOST_ADDED:
        raise FormErrors(member=f"these are {len(names):,} people: add at most {MOST_ADDED} at once")
    until = parsed_end(request)
    try:
        members = await request.write(lambda work: _add_all(work, account, slug, names, until))
    except (Invalid, Conflict, NotFound) as refusal:
        # If the group itself is gone, showing the page again says so.
        raise error_beside(refusal, "member", until="until") from None
    done = f"added {members[0].username}" if len(members) == 1 else "members"
    return request.redirect(f"{_address(request)}?{urlencode({'done': done})}#members")


def _add_all(work: UnitOfWork, account: str, slug: str, names: Sequence[str], until: EndWish) -> list[Account]:
    """Add several people to a group in one transaction; return who joined, or whose end was moved.

    Whoever is a member already, and is given no end, stays one; alone, they are refused.
    """
    added = []
    for name in names:
        try:
            added.append(groups.add_member(work, account, slug, name, until))
        except AlreadyMember:
            if len(names) == 1:
                raise
    return added


async def ask_to_remove(request: PageRequest) -> Response:
    """Preview what a member would lose by leaving the group."""
    account, slug, member = (
        request.path_parameter("name"),
        request.path_parameter("slug"),
        request.path_parameter("member"),
    )

    def load(work: UnitOfWork) -> dict[str, Any]:
        group = groups.read(work, account, slug, members=False).group
        person = groups.member(work, account, slug, member)
        summary = account_overview.account_summary(work, account)
        losses = [*access_checks.impact(work, account, slug, member)] if summary.administers else None
        endings = pending_invitations.ended_by_leaving(work, account, slug, member)
        return {"summary": summary, "group": group, "person": person, "losses": losses, "endings": endings}

    return request.page("groups/remove.html", **await request.read(load))


async def remove(request: PageRequest) -> Response:
    """Remove a member from the group."""
    account, slug, member = (
        request.path_parameter("name"),
        request.path_parameter("slug"),
        request.path_parameter("member"),
    )
    await request.write(lambda work: groups.remove_member(work, account, slug, member))
    is_self = request.person is not None and request.person.username == member
    return request.redirect(
        "/me" if is_self else f"{_address(request)}?{urlencode({'done': f'removed {member}'})}#members"
    )


async def ask_to_delete(request: PageRequest) -> Response:
    """Preview who would lose what if the group were deleted."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")

    def load(work: UnitOfWork) -> dict[str, Any]:
        losses = access_checks.impact(work, account, slug)
        lines = access_changes.Lines(losses)
        page = paginate(request, lines.worst_first, lines.words)
        return {
            "summary": account_overview.account_summary(work, account),
            "group": losses.group,
            "members": len(losses.people),
            "losses": page,
            "lines": [lines.whole(line) for line in page.items],
            "losing": len({line.person.id for line in lines.worst_first}),
            "endings": pending_invitations.ended_by_deleting(work, account, slug),
        }

    return request.page("groups/delete.html", **await request.read(load))


async def delete(request: PageRequest) -> Response:
    """Delete the group."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")
    await request.write(lambda work: groups.delete(work, account, slug))
    return request.redirect(f"/accounts/{request.segment('name')}?{urlencode({'done': f'deleted {slug}'})}")


def _address(request: PageRequest, group: Group | None = None) -> str:
    return f"/accounts/{request.segment('name')}/groups/{group.slug if group else request.segment('slug')}"


_GROUP = "/accounts/{name}/groups/{slug}"
PAGES = (
    Page(_GROUP, show, change, is_private=True),
    Page(f"{_GROUP}/members", show, add, is_private=True),
    Page(f"{_GROUP}/members/{{member}}/remove", ask_to_remove, remove, is_private=True, is_costly=True),
    Page(f"{_GROUP}/delete", ask_to_delete, delete, is_private=True, is_costly=True),
)
