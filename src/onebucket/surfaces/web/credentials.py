"""A person's app passwords, and the programs that may act for her: seen, made and ended."""

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import authorizations, tokens
from onebucket.actions.work import Work
from onebucket.domain.refusals import Invalid
from onebucket.domain.scopes import OFFERED
from onebucket.domain.tokens import Token
from onebucket.surfaces.web.consent import chosen
from onebucket.surfaces.web.visit import Page, Visit, Wrong

# How long an app password may last, in days; for good is said in so many words.
LASTING = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("never", "until it is revoked"))

DONE = {
    "revoked": "It is revoked: the next request with it is refused.",
    "ended": "That program can't act for you any more: its next request is refused.",
}


async def show(visit: Visit) -> Response:
    """What is good for signing in besides the password; and a form for another one."""

    def seen(work: Work) -> dict[str, Any]:
        held = tokens.of_person(work, visit.me.id)
        programs = authorizations.given(work)
        return {"held": held, "orphans": tokens.orphans(work, visit.me.id), "programs": programs, "at": work.at}

    return visit.page(
        "me/tokens.html",
        **await visit.look(seen),
        scopes=OFFERED,
        lasting=LASTING,
        done=DONE.get(visit.query("done"), ""),
    )


async def make(visit: Visit) -> Response:
    """Make an app password, and show it this once."""
    label = visit.line("label")
    if not label:
        raise Wrong(label="say what it is for: later the name is all that tells it from others")
    scopes, lasts, secret = chosen(visit), _lasts(visit.line("lasts")), visit.desk.new_secret()

    def made(work: Work) -> Token:
        return tokens.add(
            work,
            visit.me.id,
            secret_hash=hashing.secret_hash(secret),
            scopes=scopes,
            label=label,
            expires_at=work.at + lasts if lasts else None,
        )

    try:
        token = await visit.change(made)
    except Invalid as refusal:
        raise Wrong(label=refusal.sentence) from None
    return visit.page("me/token-made.html", token=token, secret=secret, me=visit.me)


async def revoke(visit: Visit) -> Response:
    """End an app password."""
    await visit.change(lambda work: tokens.revoke_of(work, visit.me.id, visit.word("id")))
    return visit.go("/me/tokens?done=revoked")


async def end(visit: Visit) -> Response:
    """Let a program act for oneself no more."""
    await visit.change(lambda work: authorizations.withdraw(work, visit.word("id")))
    return visit.go("/me/tokens?done=ended#programs")


def _lasts(chosen: str) -> timedelta | None:
    if chosen not in dict(LASTING):
        raise Wrong(lasts="choose how long it is good")
    return None if chosen == "never" else timedelta(days=int(chosen))


PAGES = (
    Page("/me/tokens", show, make, is_private=True, is_guarded=True),
    Page("/me/tokens/{id}/revoke", show, revoke, is_private=True),
    Page("/me/programs/{id}/end", show, end, is_private=True),
)
