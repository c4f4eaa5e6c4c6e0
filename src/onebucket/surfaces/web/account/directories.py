"""The directories of a team: what each has brought, its last contact and errors, and its keys."""

from typing import Any

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import account_overview, directories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.web.core.page_request import Page, PageRequest

DONE = {"revoked": "The older key is revoked."}


async def show_all(request: PageRequest) -> Response:
    """List the directories of a team."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        found = directories.of_account(work, name)
        return {"directories": found, "summary": account_overview.account_summary(work, name)}

    return request.page("directories/list.html", **await request.read(load))


async def show(request: PageRequest) -> Response:
    """Show a directory: what it brought, when it last called, and the last requests that it was refused."""
    name, label = request.path_parameter("name"), request.path_parameter("label")
    done = DONE.get(request.query("done"), "")
    return request.page("directories/page.html", **await request.read(lambda work: _page(work, name, label)), done=done)


async def rotate(request: PageRequest) -> Response:
    """Make another key, and show it, this once."""
    name, label = request.path_parameter("name"), request.path_parameter("label")
    key = hashing.DIRECTORY_PREFIX + request.backend.new_secret().removeprefix(hashing.PREFIX)
    await request.write(lambda work: directories.rotate(work, name, label, secret_hash=hashing.secret_hash(key)))
    page = await request.read(lambda work: _page(work, name, label))
    return request.page("directories/key.html", **page, key=key)


async def revoke(request: PageRequest) -> Response:
    """Revoke the older of two keys."""
    name, label = request.path_parameter("name"), request.path_parameter("label")
    await request.write(lambda work: directories.revoke_old_key(work, name, label))
    address = f"/accounts/{request.segment('name')}/directories/{request.segment('label')}"
    return request.redirect(f"{address}?done=revoked")


def _page(work: UnitOfWork, name: str, label: str) -> dict[str, Any]:
    found = directories.read(work, name, label)
    return {
        "found": found,
        "errors": directories.last_errors(work, name, label),
        "summary": account_overview.account_summary(work, name),
    }


PAGES = (
    Page("/accounts/{name}/directories", show_all, is_private=True),
    Page("/accounts/{name}/directories/{label}", show, is_private=True),
    Page("/accounts/{name}/directories/{label}/rotate", show, rotate, is_private=True, is_guarded=True),
    Page("/accounts/{name}/directories/{label}/end-old-key", show, revoke, is_private=True),
)
