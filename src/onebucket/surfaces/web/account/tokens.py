"""The page of app passwords and OAuth apps that reach an account, for its administrators; their owners revoke them."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import account_overview, reaching_credentials
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.pagination import paginate

_DONE = {"app-password": "App password revoked.", "app": "The OAuth app can no longer act for that person."}


async def show(request: PageRequest) -> Response:
    """List what reaches the account, with its owner, scopes and last use."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        return {
            "credentials": reaching_credentials.listed(work, name),
            "summary": account_overview.account_summary(work, name),
        }

    context = await request.read(load)
    found = paginate(
        request,
        context.pop("credentials"),
        lambda each: f"{each.person.username} {each.person.display_name} {each.label} {' '.join(each.scopes)}",
    )
    return request.page("tokens/list.html", found=found, done=_DONE.get(request.query("done"), ""), **context)


async def revoke_app_password(request: PageRequest) -> Response:
    """Revoke an app password of the person, who may do that, as site administrators may."""
    person, id = request.path_parameter("person"), request.path_parameter("id")
    await request.write(lambda work: reaching_credentials.revoke_app_password(work, person, id))
    return request.redirect(f"/accounts/{request.segment('name')}/tokens?done=app-password")


async def revoke_app(request: PageRequest) -> Response:
    """Revoke an OAuth app's right to act for the person, who may do that, as site administrators may."""
    person, id = request.path_parameter("person"), request.path_parameter("id")
    await request.write(lambda work: reaching_credentials.revoke_app(work, person, id))
    return request.redirect(f"/accounts/{request.segment('name')}/tokens?done=app")


_TOKENS = "/accounts/{name}/tokens"
PAGES = (
    Page(_TOKENS, show, is_private=True, is_costly=True),
    Page(f"{_TOKENS}/{{person}}/{{id}}/revoke", show, revoke_app_password, is_private=True),
    Page(f"{_TOKENS}/{{person}}/{{id}}/end", show, revoke_app, is_private=True),
)
