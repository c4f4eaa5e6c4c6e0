"""App passwords: making them, listing them, ending them."""

from datetime import datetime, timedelta

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, InsufficientScope, Invalid, NotFound
from onebucket.domain.text import clean_text, quote_text
from onebucket.domain.tokens import MOST_GENERATIONS, AppPassword
from onebucket.store import app_password_rows, credential_holders
from onebucket.store.journal_rows import Facts

# An app password that ends lasts no longer than this.
LONGEST = timedelta(days=3660)


def add(
    work: UnitOfWork,
    name: str,
    *,
    secret_hash: str,
    scopes: frozenset[str],
    label: str = "",
    expires_at: datetime | None = None,
) -> AppPassword:
    """Give a person an app password of which only the hash is kept.

    Whoever makes one with a credential that is limited gets one that is good for no more, and ends with it.
    Raises Invalid, Conflict, InsufficientScope, Forbidden.
    """
    account = access.person(work, name, to=To.HANDLE_TOKENS)
    wanted = frozenset(accounts.parse_scope(scope) for scope in scopes)
    granted = work.actor.scopes
    _check_maker(work.actor, account)
    if granted is not None and not wanted <= accounts.effective_scopes(granted):
        raise InsufficientScope(required=wanted - accounts.effective_scopes(granted), granted=granted)
    token = AppPassword(
        account_id=account.id,
        id=work.new_id(),
        label=clean_text(label, what="the label", empty=True),
        scopes=wanted,
        created_at=work.at,
        expires_at=_ending(work, expires_at),
        secret_hash=secret_hash,
        made_with=work.actor.credential if granted is not None else None,
    )

    app_password_rows.add(work.tx, token)

    work.record(Event.TOKEN_ADDED, account, account.username, after=_facts(token))
    return token


def _ending(work: UnitOfWork, wanted: datetime | None) -> datetime | None:
    """When one ends that is to end then. Raises Invalid when that has been, or outlasts what it is made with."""
    # Signing in with a password ends some day too, but whoever knows it can do so again.
    ends = work.actor.expires_at if work.actor.scopes is not None else None
    if wanted is not None and wanted <= work.at:
        raise Invalid("the app password would have expired already")
    if wanted is not None and wanted > work.at + LONGEST:
        raise Invalid("an app password can last ten years at most; without an end it lasts until it is revoked")
    if ends is not None and wanted is not None and wanted > ends:
        raise Invalid("an app password that is made with another one can't outlast it")
    return wanted or ends


def _check_maker(actor: Actor, account: Account) -> None:
    if actor.scopes is None:
        return
    if account.id != actor.id:
        raise Forbidden("a limited credential makes app passwords for nobody but whom it speaks for")
    if actor.generation + 1 >= MOST_GENERATIONS:
        raise Forbidden("this app password is too far from the first: make the next one with your password")


def of_person(work: UnitOfWork, name: str) -> list[AppPassword]:
    """A person's app passwords, oldest first."""
    return app_password_rows.of_person(work.tx, access.person(work, name, to=To.HANDLE_TOKENS).id)


def orphans(work: UnitOfWork, name: str) -> set[str]:
    """The ids of those of a person that are good for nothing any more, because what they were made with has ended."""
    person = access.person(work, name, to=To.HANDLE_TOKENS)
    made = [each for each in app_password_rows.of_person(work.tx, person.id) if each.made_with is not None]
    return {each.id for each in made if credential_holders.actor(work.tx, each.account_id, each.credential) is None}


def revoke(work: UnitOfWork, id: str) -> AppPassword:
    """End an app password of anybody's; `id` may be cut to its first eight or more characters. Raises NotFound."""
    access.site(work)
    token = app_password_rows.by_id_prefix(work.tx, id)
    if token is None:
        raise NotFound(f"there is no app password {quote_text(id)}")
    return _end(work, access.person(work, token.account_id), token)


def revoke_of(work: UnitOfWork, name: str, id: str) -> AppPassword:
    """End an app password of that person's. Raises NotFound."""
    account = access.person(work, name, to=To.HANDLE_TOKENS)
    token = app_password_rows.by_id(work.tx, account.id, id.lower())
    if token is None:
        raise NotFound(f"you have no app password {quote_text(id)}")
    return _end(work, account, token)


def _end(work: UnitOfWork, account: Account, token: AppPassword) -> AppPassword:
    app_password_rows.revoke(work.tx, token.account_id, token.id)

    work.record(Event.TOKEN_REVOKED, account, account.username, before=_facts(token))
    return token


def _facts(token: AppPassword) -> Facts:
    return {
        "id": token.id,
        "label": token.label,
        "scopes": sorted(token.scopes),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "made_with": token.made_with,
    }
