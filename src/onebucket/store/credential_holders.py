"""Whom a stored credential belongs to: an app password, an OAuth token, a consumer on its own, or a directory's key.

A credential created with another one is valid only as long as that one, with no more than its scopes. This is checked
at each use, so revoking a credential needs no list of those created with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from onebucket.domain.accounts import Actor, DirectoryIdentity
from onebucket.domain.directories import DirectoryKey
from onebucket.domain.scopes import effective_scopes
from onebucket.domain.tokens import MOST_GENERATIONS
from onebucket.store import app_password_rows, directory_rows, oauth_consumer_rows, oauth_token_rows
from onebucket.store.engine.transaction import Transaction

# The actor, and the name of the credential it was created with.
_ActorAndMaker = tuple[Actor, str | None] | None


def actor(tx: Transaction, account_id: str, credential: str) -> Actor | None:
    """Return the actor of a user's credential; None if it, or the one it was created with, was revoked.

    `credential` is its name in the audit log. The caller checks `expires_at`.
    """
    found = _find(tx, account_id, credential)
    if found is None:
        return None
    actor, maker = found
    while maker is not None:
        found = _find(tx, account_id, maker)
        if found is None or actor.generation == MOST_GENERATIONS:
            return None
        making_actor, maker = found
        actor = _limited(actor, making_actor)
    return actor


def directory_key(tx: Transaction, hash: str, login: str | None) -> DirectoryKey | None:
    """Return the directory's key whose secret has that hash; nobody has one who sends a login."""
    return directory_rows.key_by_hash(tx, hash) if login is None else None


def _limited(actor: Actor, maker: Actor) -> Actor:
    """Limit an actor to the scopes and the expiry of the credential it was created with."""
    assert actor.scopes is not None and maker.scopes is not None
    ends = [end for end in (actor.expires_at, maker.expires_at) if end is not None]
    scopes = (
        actor.scopes
        if actor.scopes <= effective_scopes(maker.scopes)
        else effective_scopes(actor.scopes) & effective_scopes(maker.scopes)
    )
    return replace(actor, scopes=scopes, expires_at=min(ends, default=None), generation=actor.generation + 1)


def _find(tx: Transaction, account_id: str, credential: str) -> _ActorAndMaker:
    kind, _, id = credential.partition(":")
    return _KINDS[kind](tx, account_id, id)


def _of_app_password(tx: Transaction, account_id: str, id: str) -> _ActorAndMaker:
    found = app_password_rows.holder(tx, account_id, id)
    if found is None:
        return None
    person, scopes, expires_at, maker = found
    return Actor(person, f"token:{id}", scopes, expires_at), maker


def _of_oauth_token(tx: Transaction, account_id: str, id: str) -> _ActorAndMaker:
    found = oauth_token_rows.holder(tx, account_id, id)
    if found is None:
        return None
    person, token = found
    return Actor(person, token.credential, token.scopes, token.expires_at), None


def _of_consumer(tx: Transaction, account_id: str, id: str) -> _ActorAndMaker:
    found = oauth_consumer_rows.holder(tx, account_id, id)
    if found is None:
        return None
    person, scopes = found
    return Actor(person, f"consumer:{id}", scopes), None


def _of_directory(tx: Transaction, account_id: str, id: str) -> _ActorAndMaker:
    found = directory_rows.key_holder(tx, account_id, id)
    if found is None:
        return None
    directory, expires_at = found
    identity = DirectoryIdentity(account_id, directory.id, directory.actor_name)
    return Actor(None, f"directory:{id}", frozenset(), expires_at, directory=identity), None


_KINDS: Mapping[str, Callable[[Transaction, str, str], _ActorAndMaker]] = {
    "token": _of_app_password,
    "oauth1": _of_oauth_token,
    "oauth2": _of_oauth_token,
    "consumer": _of_consumer,
    "directory": _of_directory,
}
