"""The OAuth apps (consumers) of an account: they may ask people for tokens or act on their own."""

from typing import Any

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import account_overview, consumers
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Forbidden, Invalid, NotFound
from onebucket.domain.scope_rules import OFFERED
from onebucket.surfaces.web.core.form_fields import error_beside
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person.consent import chosen

DONE = {"revoked": "OAuth app revoked. Its tokens no longer work."}


async def show(request: PageRequest) -> Response:
    """List the OAuth apps, with a form for a new one."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        return {
            "consumers": consumers.list_consumers(work, name),
            "summary": account_overview.account_summary(work, name),
        }

    done = DONE.get(request.query("done"), "")
    return request.page("oauth_apps/page.html", **await request.read(load), scopes=OFFERED, done=done)


async def make(request: PageRequest) -> Response:
    """Create an OAuth app and show its key and secret, this once."""
    name, scopes = request.path_parameter("name"), chosen(request)
    label, is_public = request.line("label"), request.is_checked("public")
    callback, acts_as = request.line("callback"), request.line("acts_as")
    key = hashing.consumer_key(request.backend.new_secret())
    if not label:
        raise FormErrors(label="enter a name")
    try:
        owner, consumer = await request.write(
            lambda work: consumers.add(
                work,
                name,
                key=key,
                label=label,
                callback=callback or None,
                scopes=scopes,
                is_public=is_public,
                acts_as=acts_as or None,
            )
        )
    except Invalid as refusal:
        raise error_beside(refusal, "label", callback="callback", acts_as="acts_as") from None
    except (NotFound, Forbidden) as refusal:
        if not acts_as:
            raise
        raise FormErrors(acts_as=refusal.sentence) from None
    secret = None if is_public else request.backend.consumer_secret(key)
    summary = await request.read(lambda work: account_overview.account_summary(work, owner.id))
    return request.page("oauth_apps/created.html", summary=summary, consumer=consumer, secret=secret)


async def revoke(request: PageRequest) -> Response:
    """Revoke an OAuth app and every token issued to it."""
    name, key = request.path_parameter("name"), request.path_parameter("key")
    await request.write(lambda work: consumers.revoke_of(work, name, key))
    return request.redirect(f"/accounts/{request.segment('name')}/consumers?done=revoked")


PAGES = (
    Page("/accounts/{name}/consumers", show, make, is_private=True, is_guarded=True),
    Page("/accounts/{name}/consumers/{key}/revoke", show, revoke, is_private=True),
)
