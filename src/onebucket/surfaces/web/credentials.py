"""A person's app passwords, and the programs that may act for her: seen, made and ended."""

from datetime import datetime, timedelta

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import authorizations, tokens
from onebucket.actions.work import Work
from onebucket.domain.accounts import SCOPES, Account
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.tokens import Token
from onebucket.surfaces.web.consent import MEANINGS
from onebucket.surfaces.web.visit import Page, Visit, Wrong

# How long an app password may last, in days; for good is said in so many words.
LASTING = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("never", "until it is revoked"))

DONE = {
    "revoked": "It is revoked: the next request with it is refused.",
    "ended": "That program can't act for you any more: its next request is refused.",
}


async def show(visit: Visit) -> Response:
    """What is good for signing in besides the password; and a form for another one."""
    held, programs, at = await visit.look(
        lambda work: (tokens.of_person(work, _me(visit).id), authorizations.given(work), work.at)
    )
    return visit.page(
        "me/tokens.html",
        held=held,
        programs=programs,
        at=at,
        scopes=MEANINGS,
        lasting=LASTING,
        done=DONE.get(visit.query("done"), ""),
    )


async def make(visit: Visit) -> Response:
    """Make an app password, and show it this once."""
    label, scopes = visit.line("label"), frozenset(visit.texts("scope"))
    if not label:
        raise Wrong(label="say what it is for: later the name is all that tells it from others")
    if not scopes or not scopes <= SCOPES.keys():
        raise Wrong(scope="choose at least one thing that it may do")
    secret, lasts = visit.desk.new_secret(), _lasts(visit.line("lasts"))

    def made(work: Work) -> Token:
        return tokens.add(
            work,
            _me(visit).id,
            secret_hash=hashing.secret_hash(secret),
            scopes=scopes,
            label=label,
            expires_at=_end(work.at, lasts),
        )

    try:
        token = await visit.change(made)
    except Invalid as refusal:
        raise Wrong(label=refusal.sentence) from None
    return visit.page("me/token-made.html", token=token, secret=secret, me=_me(visit))


async def revoke(visit: Visit) -> Response:
    """End an app password."""
    await visit.change(lambda work: tokens.revoke_of(work, _me(visit).id, visit.word("id")))
    return visit.go("/me/tokens?done=revoked")


async def end(visit: Visit) -> Response:
    """Let a program act for oneself no more."""
    await visit.change(lambda work: authorizations.withdraw(work, visit.word("id")))
    return visit.go("/me/tokens?done=ended#programs")


def _lasts(chosen: str) -> timedelta | None:
    if chosen not in dict(LASTING):
        raise Wrong(lasts="choose how long it is good")
    return None if chosen == "never" else timedelta(days=int(chosen))


def _end(at: datetime, lasts: timedelta | None) -> datetime | None:
    return at + lasts if lasts else None


def _me(visit: Visit) -> Account:
    if visit.person is None:
        raise NotFound("nobody has signed in")
    return visit.person


PAGES = (
    Page("/me/tokens", show, make, is_private=True),
    Page("/me/tokens/{id}/revoke", show, revoke, is_private=True),
    Page("/me/programs/{id}/end", show, end, is_private=True),
)
