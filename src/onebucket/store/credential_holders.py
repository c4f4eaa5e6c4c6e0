"""Whom a stored credential speaks for: an app password, what was issued to an OAuth consumer, a consumer on its own.

What was made with another credential counts only as long as that one does, and is good for no more. That is asked each
time, so that nothing which ends a credential has to know what was made with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from onebucket.domain.accounts import Actor, effective_scopes
from onebucket.domain.tokens import MOST_GENERATIONS
from onebucket.store import app_password_rows, oauth_consumer_rows, oauth_token_rows
from onebucket.store.engine.database import Transaction

# Whom it speaks for, and the name of what it was made with.
_Found = tuple[Actor, str | None] | None


def actor(tx: Transaction, account_id: str, credential: str) -> Actor | None:
    """For whom a credential of that person counts, and until when; None when it, or what it was made with, has ended.

    `credential` is what the journal calls it. Whether its time is over is for the caller to see.
    """
    found = _found(tx, account_id, credential)
    if found is None:
        return None
    actor, maker = found
    while maker is not None:
        found = _found(tx, account_id, maker)
        if found is None or actor.generation == MOST_GENERATIONS:
            return None
        actor, maker = _limited(actor, found[0]), found[1]
    return actor


def _limited(actor: Actor, maker: Actor) -> Actor:
    """What was made with `maker`, within what that is good for now."""
    assert actor.scopes is not None and maker.scopes is not None
    ends = [each for each in (actor.expires_at, maker.expires_at) if each is not None]
    scopes = (
        actor.scopes
        if actor.scopes <= effective_scopes(maker.scopes)
        else effective_scopes(actor.scopes) & effective_scopes(maker.scopes)
    )
    return replace(actor, scopes=scopes, expires_at=min(ends, default=None), generation=actor.generation + 1)


def _found(tx: Transaction, account_id: str, credential: str) -> _Found:
    kind, _, id = credential.partition(":")
    return _KINDS[kind](tx, account_id, id)


def _of_app_password(tx: Transaction, account_id: str, id: str) -> _Found:
    held = app_password_rows.holder(tx, account_id, id)
    return (Actor(held[0], f"token:{id}", held[1], held[2]), held[3]) if held else None


def _issued(tx: Transaction, account_id: str, id: str) -> _Found:
    held = oauth_token_rows.holder(tx, account_id, id)
    return (Actor(held[0], held[1].credential, held[1].scopes, held[1].expires_at), None) if held else None


def _consumer(tx: Transaction, account_id: str, id: str) -> _Found:
    held = oauth_consumer_rows.holder(tx, account_id, id)
    return (Actor(held[0], f"consumer:{id}", held[1]), None) if held else None


_KINDS: Mapping[str, Callable[[Transaction, str, str], _Found]] = {
    "token": _of_app_password,
    "oauth1": _issued,
    "oauth2": _issued,
    "consumer": _consumer,
}
