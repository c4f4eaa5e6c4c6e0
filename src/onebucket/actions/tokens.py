"""App passwords: create, list and revoke them."""

from datetime import datetime, timedelta

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Facts
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, InsufficientScope, Invalid, NotFound
from onebucket.domain.scopes import effective_scopes, parse_scope
from onebucket.domain.text import clean_text
from onebucket.domain.tokens import MOST_GENERATIONS, AppPassword
from onebucket.safe_text import quote_text
from onebucket.store import account_rows, app_password_rows, credential_holders, oauth_token_rows

# Longest lifetime of an app password that has an expiry time.
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
    """Create an app password for a person; only the hash of its secret is stored.

    One that is created with a limited credential can't have more scopes or last longer, and is revoked with it.
    Raises Invalid, Conflict, InsufficientScope, Forbidden.
    """
    account = access.person(work, name, to=To.HANDLE_TOKENS)
    requested = frozenset(parse_scope(scope) for scope in scopes)
    granted = work.actor.scopes
    _check_creator(work.actor, account)
    if granted is not None and not requested <= effective_scopes(granted):
        raise InsufficientScope(required=requested - effective_scopes(granted), granted=granted)
    token = AppPassword(
        account_id=account.id,
        id=work.new_id(),
        label=clean_text(label, what="the label", empty=True),
        scopes=requested,
        created_at=work.at,
        expires_at=_expiry(work, expires_at),
        secret_hash=secret_hash,
        made_with=work.actor.credential if granted is not None else None,
    )

    app_password_rows.add(work.tx, token)

    work.record(Event.TOKEN_ADDED, account, account.username, after=_facts(token))
    return token


def _expiry(work: UnitOfWork, requested: datetime | None) -> datetime | None:
    """Return the expiry time of a new app password; by default that of the limited credential it is created with.

    Raises Invalid when it is in the past, too far off, or later than that of the credential.
    """
    # A session expires too, but doesn't count: the person can sign in again with their password.
    limit = work.actor.expires_at if work.actor.scopes is not None else None
    if requested is not None and requested <= work.at:
        raise Invalid("that time has passed already")
    if requested is not None and requested > work.at + LONGEST:
        raise Invalid("an app password can last at most ten years; without an expiry, it lasts until it is revoked")
    if limit is not None and requested is not None and requested > limit:
        raise Invalid("an app password created with another one can't outlast it")
    return requested or limit


def _check_creator(actor: Actor, account: Account) -> None:
    if actor.scopes is None:
        return
    if account.id != actor.id:
        raise Forbidden("a credential with scopes can create app passwords for its own user only")
    if actor.generation + 1 >= MOST_GENERATIONS:
        raise Forbidden(
            "this app password is too many steps from your password: create the next one with your password"
        )


def of_person(work: UnitOfWork, name: str) -> list[AppPassword]:
    """List a person's app passwords, oldest first."""
    return app_password_rows.of_person(work.tx, access.person(work, name, to=To.HANDLE_TOKENS).id)


def orphans(work: UnitOfWork, name: str) -> set[str]:
    """Return the ids of a person's app passwords that stopped working because their parent credential ended."""
    person = access.person(work, name, to=To.HANDLE_TOKENS)
    derived = [each for each in app_password_rows.of_person(work.tx, person.id) if each.made_with is not None]
    return {each.id for each in derived if credential_holders.actor(work.tx, each.account_id, each.credential) is None}


def claimed_user(work: UnitOfWork, login: str, secret_hash: str) -> str:
    """Return the username that a credential claims, whether it is valid or not; empty if there is none.

    `login` is a username or e-mail address, or empty for a credential that has none.
    """
    access.site(work)
    row = app_password_rows.by_hash(work.tx, secret_hash) or oauth_token_rows.by_hash(work.tx, secret_hash)
    if row is not None:
        account = account_rows.by_id(work.tx, row.account_id)
    else:
        account = account_rows.by_email(work.tx, login) if "@" in login else account_rows.by_username(work.tx, login)
    return account.username if account else ""


def revoke(work: UnitOfWork, id: str) -> AppPassword:
    """Revoke anybody's app password, for site administrators; `id` may be a prefix of at least eight characters.

    Raises NotFound, Forbidden.
    """
    access.site(work)
    token = app_password_rows.by_id_prefix(work.tx, id)
    if token is None:
        raise NotFound(f"there is no app password {quote_text(id)}")
    return _end(work, access.person(work, token.account_id), token)


def revoke_of(work: UnitOfWork, name: str, id: str) -> AppPassword:
    """Revoke one of a person's app passwords. Raises NotFound."""
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
