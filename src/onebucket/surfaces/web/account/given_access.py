"""The form that gives several people a level on several repositories, inviting who has no account, after a preview."""

import re
from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, gift_candidates, given_access
from onebucket.actions.gift_candidates import Candidates
from onebucket.actions.given_access import Gift
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.refusals import Conflict, Invalid, NotFound, PlanOutdated
from onebucket.surfaces.web.account.permission_form import REVISION
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import error_beside, parsed_end
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest

_WORDS = re.compile(r"[^\s,;]+")


async def show(request: PageRequest) -> Response:
    """Show the form with what was typed and ticked, and what fits the names that are looked for.

    The query may name a person or a repository, and names to look for.
    """
    name = request.path_parameter("name")
    fields = ("people", "repositories")
    sought = {field: request.line(f"find_{field}") or request.query(f"find_{field}") for field in fields}

    def load(work: UnitOfWork) -> dict[str, Any]:
        found = gift_candidates.find(work, name, people=sought["people"], repository=sought["repositories"])
        return {"summary": account_overview.summary_for_visitors(work, name), "matches": _matches(found)}

    if request.query("done") == "given":
        request.notice = "Done. Whoever has an account has the access now; the invitations are on their way."
    return request.page(
        "given/page.html",
        person=_kept(request, "people") or request.query("person"),
        repository=_kept(request, "repositories") or request.query("repository"),
        sought=sought,
        **await request.read(load),
    )


def _matches(found: Candidates) -> dict[str, list[tuple[str, str, str]]]:
    """Return for each field what can be ticked: what it adds to the field, what it is called, and a hint."""
    people = [(each.username, each.display_name, each.username) for each in found.people]
    for group, members in found.groups:
        names = " ".join(person.username for person in members)
        people.append((names, group.name, f"group, {len(members)} {'member' if len(members) == 1 else 'members'}"))
    return {"people": people, "repositories": [(each.slug, each.slug, each.name) for each in found.repositories]}


def _kept(request: PageRequest, field: str) -> str:
    """Return what was typed into a field, with what was ticked of the matches that isn't in it."""
    ticked = [word for text in request.texts(f"picked_{field}") for word in text.split()]
    missing = [word for word in dict.fromkeys(ticked) if word not in request.words(field)]
    return "\n".join(filter(None, (request.line(field), " ".join(missing))))


async def send(request: PageRequest) -> Response:
    """Preview who gets what; with a revision, give it. While names are looked for, show the form with what fits.

    If the account has changed since the preview, show a new preview instead.
    """
    if request.has("step") and (request.line("find_people") or request.line("find_repositories")):
        return await show(request)
    name, gift = request.path_parameter("name"), _gift(request)
    if not request.has("revision"):
        return await _preview(request, gift)
    if not REVISION.fullmatch(request.line("revision")):
        raise Invalid("preview the changes first")
    revision = int(request.line("revision"))
    try:
        await request.write(lambda work: given_access.apply(work, name, gift, revision=revision))
    except PlanOutdated as refusal:
        return await _preview(request, gift, message=refusal.sentence, status=409)
    except Conflict as refusal:
        raise FormErrors(people=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/give?done=given")


def _gift(request: PageRequest) -> Gift:
    """Read the form. Raises FormErrors."""
    people, repositories = (_WORDS.findall(_kept(request, field)) for field in ("people", "repositories"))
    errors = {}
    if not people:
        errors["people"] = "enter a username or an e-mail address"
    if not repositories:
        errors["repositories"] = "enter the slug of a repository"
    if errors:
        raise FormErrors(**errors)
    return Gift(people, repositories, privileges.parse_level(request.line("level")), parsed_end(request, "last_day"))


async def _preview(request: PageRequest, gift: Gift, message: str = "", status: int = 200) -> Response:
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        planned = given_access.plan(work, name, gift)
        return {"summary": account_overview.summary_for_visitors(work, name), "plan": planned}

    try:
        context = await request.read(load)
    except (Invalid, NotFound) as refusal:
        raise error_beside(refusal, until="last_day") from None
    effects = access_changes.effects_of(context["plan"].effects)
    return request.page("given/preview.html", status=status, error=message, effects=effects, gift=gift, **context)


PAGES = (Page("/accounts/{name}/give", show, send, is_private=True, is_costly=True),)
