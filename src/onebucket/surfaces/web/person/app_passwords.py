"""Pages for a person's app passwords and OAuth authorizations: list, create, revoke."""

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import oauth_authorizations, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.domain.scope_rules import OFFERED
from onebucket.domain.tokens import AppPassword
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.person.consent import chosen

# Lifetimes of an app password: form value (days) and label.
LIFETIMES = (("30", "in 30 days"), ("90", "in 90 days"), ("365", "in 1 year"), ("never", "never"))

DONE = {
    "revoked": "App password revoked. It no longer works.",
    "ended": "Access revoked. The app can no longer act for you.",
}


async def show(request: PageRequest) -> Response:
    """Show app passwords and authorized apps, with a form for a new app password."""

    def load(work: UnitOfWork) -> dict[str, Any]:
        app_passwords = tokens.of_person(work, request.me.id)
        authorizations = oauth_authorizations.list_authorizations(work)
        return {
            "app_passwords": app_passwords,
            "orphans": tokens.orphans(work, request.me.id),
            "authorizations": authorizations,
            "now": work.at,
        }

    return request.page(
        "me/app_passwords.html",
        **await request.read(load),
        scopes=OFFERED,
        lifetimes=LIFETIMES,
        done=DONE.get(request.query("done"), ""),
    )


async def make(request: PageRequest) -> Response:
    """Create an app password and show its secret, this once."""
    label = request.line("label")
    if not label:
        raise FormErrors(label="enter a name")
    scopes, lifetime, secret = chosen(request), _lifetime(request.line("lasts")), request.backend.new_secret()

    def add(work: UnitOfWork) -> AppPassword:
        return tokens.add(
            work,
            request.me.id,
            secret_hash=hashing.secret_hash(secret),
            scopes=scopes,
            label=label,
            expires_at=work.at + lifetime if lifetime else None,
        )

    try:
        token = await request.write(add)
    except Invalid as refusal:
        raise FormErrors(label=refusal.sentence) from None
    return request.page("me/app_password_created.html", token=token, secret=secret, me=request.me)


async def revoke(request: PageRequest) -> Response:
    """Revoke an app password."""
    await request.write(lambda work: tokens.revoke_of(work, request.me.id, request.path_parameter("id")))
    return request.redirect("/me/tokens?done=revoked")


async def end(request: PageRequest) -> Response:
    """Revoke an app's authorization."""
    await request.write(lambda work: oauth_authorizations.revoke(work, request.path_parameter("id")))
    return request.redirect("/me/tokens?done=ended#programs")


def _lifetime(chosen: str) -> timedelta | None:
    if chosen not in dict(LIFETIMES):
        raise FormErrors(lasts="choose when it expires")
    return None if chosen == "never" else timedelta(days=int(chosen))


PAGES = (
    Page("/me/tokens", show, make, is_private=True, is_guarded=True),
    Page("/me/tokens/{id}/revoke", show, revoke, is_private=True),
    Page("/me/programs/{id}/end", show, end, is_private=True),
)
