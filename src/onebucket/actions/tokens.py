"""App passwords: making them, listing them, ending them."""

from datetime import datetime, timedelta

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, Invalid, LacksScope, NotFound
from onebucket.domain.text import cleaned, shown
from onebucket.domain.tokens import MOST_GENERATIONS, Token
from onebucket.store import holders, tokens
from onebucket.store.journal import Facts

# An app password that ends lasts no longer than this.
LONGEST = timedelta(days=3660)


def add(
    work: Work,
    name: str,
    *,
    secret_hash: str,
    scopes: frozenset[str],
    label: str = "",
    expires_at: datetime | None = None,
) -> Token:
    """Give a person an app password of which only the hash is kept.

    Whoever makes one with a credential that is limited gets one that is good for no more, and ends with it.
    Raises Invalid, Conflict, LacksScope, Forbidden.
    """
    account = access.person(work, name, to=To.HANDLE_TOKENS)
    wanted = frozenset(domain.scope_named(scope) for scope in scopes)
    granted = work.actor.scopes
    _check_maker(work.actor, account)
    if granted is not None and not wanted <= domain.reach(granted):
        raise LacksScope(required=wanted - domain.reach(granted), granted=granted)
    token = Token(
        account_id=account.id,
        id=work.new_id(),
        label=cleaned(label, what="the label", empty=True),
        scopes=wanted,
        created_at=work.at,
        expires_at=_ending(work, expires_at),
        secret_hash=secret_hash,
        made_with=work.actor.credential if granted is not None else None,
    )

    tokens.add(work.tx, token)

    work.tell(Event.TOKEN_ADDED, account, account.username, after=_facts(token))
    return token


def _ending(work: Work, wanted: datetime | None) -> datetime | None:
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


def of_person(work: Work, name: str) -> list[Token]:
    """A person's app passwords, oldest first."""
    return tokens.of_person(work.tx, access.person(work, name, to=To.HANDLE_TOKENS).id)


def orphans(work: Work, name: str) -> set[str]:
    """The ids of those of a person that are good for nothing any more, because what they were made with has ended."""
    person = access.person(work, name, to=To.HANDLE_TOKENS)
    made = [each for each in tokens.of_person(work.tx, person.id) if each.made_with is not None]
    return {each.id for each in made if holders.actor(work.tx, each.account_id, each.credential) is None}


def revoke(work: Work, id: str) -> Token:
    """End an app password of anybody's; `id` may be cut to its first eight or more characters. Raises NotFound."""
    access.site(work)
    token = tokens.beginning(work.tx, id)
    if token is None:
        raise NotFound(f"there is no app password {shown(id)}")
    return _end(work, access.person(work, token.account_id), token)


def revoke_of(work: Work, name: str, id: str) -> Token:
    """End an app password of that person's. Raises NotFound."""
    account = access.person(work, name, to=To.HANDLE_TOKENS)
    token = tokens.by_id(work.tx, account.id, id.lower())
    if token is None:
        raise NotFound(f"you have no app password {shown(id)}")
    return _end(work, account, token)


def _end(work: Work, account: Account, token: Token) -> Token:
    tokens.revoke(work.tx, token.account_id, token.id)

    work.tell(Event.TOKEN_REVOKED, account, account.username, before=_facts(token))
    return token


def _facts(token: Token) -> Facts:
    return {
        "id": token.id,
        "label": token.label,
        "scopes": sorted(token.scopes),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "made_with": token.made_with,
    }
