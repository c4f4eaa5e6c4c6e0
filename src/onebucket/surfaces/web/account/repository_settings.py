"""Pages that add a repository, change its slug, name, description and visibility, and delete it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from onebucket.actions import account_overview, projects, repositories, repository_plans
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict, NotFound
from onebucket.domain.repositories import check_description, check_name, check_slug
from onebucket.surfaces.web.account.repositories import MOST_CHOICES, REPOSITORY, project_choices, show
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.form_fields import checked
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


def _texts(request: PageRequest) -> Mapping[str, str]:
    """Return the checked slug, name and description of the form. Raises FormErrors."""
    slug = request.line("slug")
    return checked(
        slug=(check_slug, slug),
        title=(check_name, request.line("title") or slug),
        description=(check_description, request.line("description")),
    )


async def show_new(request: PageRequest) -> Response:
    """Show the form of a new repository, with the projects that it may be put into."""
    account, project = request.path_parameter("name"), request.line("project") or request.query("project")

    def load(work: UnitOfWork) -> dict[str, Any]:
        return {
            "summary": account_overview.summary_for_visitors(work, account),
            "projects": project_choices(projects.for_new_repositories(work, account, project or None)),
        }

    return request.page("repositories/new.html", most_choices=MOST_CHOICES, project=project, **await request.read(load))


async def add(request: PageRequest) -> Response:
    """Add a repository and show it."""
    account, texts, project = request.path_parameter("name"), _texts(request), request.line("project") or None
    is_private = request.is_checked("is_private")

    def add_repository(work: UnitOfWork) -> None:
        repositories.add(
            work,
            account,
            texts["slug"],
            project=project,
            name=texts["title"],
            description=texts["description"],
            is_private=is_private,
        )

    try:
        await request.write(add_repository)
    except Conflict as refusal:
        raise FormErrors(slug=refusal.sentence) from None
    except NotFound as refusal:
        if not project:
            raise
        raise FormErrors(project=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/repositories/{texts['slug']}?done=added")


async def change(request: PageRequest) -> Response:
    """Change the repository's slug, name, description and visibility."""
    account, old, texts = request.path_parameter("name"), request.path_parameter("slug"), _texts(request)
    is_private = request.is_checked("is_private")

    def change_repository(work: UnitOfWork) -> None:
        repositories.change(
            work,
            account,
            old,
            new_slug=texts["slug"],
            name=texts["title"],
            description=texts["description"],
            is_private=is_private,
        )

    try:
        await request.write(change_repository)
    except Conflict as refusal:
        raise FormErrors(slug=refusal.sentence) from None
    return request.redirect(f"/accounts/{request.segment('name')}/repositories/{texts['slug']}?done=changed")


async def ask_to_delete(request: PageRequest) -> Response:
    """Show who loses the repository, and what else goes with it."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")

    def load(work: UnitOfWork) -> dict[str, Any]:
        plan = repository_plans.deletion(work, account, slug)
        return {"summary": account_overview.account_summary(work, account), "plan": plan}

    context = await request.read(load)
    return request.page(
        "repositories/delete.html", effects=access_changes.effects_of(context["plan"].effects), **context
    )


async def delete(request: PageRequest) -> Response:
    """Delete the repository."""
    account, slug = request.path_parameter("name"), request.path_parameter("slug")
    await request.write(lambda work: repositories.delete(work, account, slug))
    return request.redirect(
        f"/accounts/{request.segment('name')}/repositories?{urlencode({'done': f'deleted {slug}'})}"
    )


PAGES = (
    Page("/accounts/{name}/new-repository", show_new, add, is_private=True),
    Page(f"{REPOSITORY}/settings", show, change, is_private=True),
    Page(f"{REPOSITORY}/delete", ask_to_delete, delete, is_private=True),
)
