"""App passwords: making them, listing them, ending them."""

from datetime import datetime

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.text import cleaned, shown
from onebucket.domain.tokens import Token
from onebucket.store import accounts, tokens
from onebucket.store.journal import Facts


def add(
    work: Work,
    name: str,
    *,
    secret_hash: str,
    scopes: frozenset[str],
    label: str = "",
    expires_at: datetime | None = None,
) -> Token:
    """Give a person an app password of which only the hash is kept. Raises Invalid, Conflict."""
    account = _person(work, name)
    token = Token(
        account_id=account.id,
        id=work.new_id(),
        label=cleaned(label, what="the label", empty=True),
        scopes=frozenset(domain.scope_named(scope) for scope in scopes),
        created_at=work.at,
        expires_at=expires_at,
        secret_hash=secret_hash,
    )
    if expires_at is not None and expires_at <= work.at:
        raise Invalid("the app password would have expired already")

    tokens.add(work.tx, token)

    work.tell(Event.TOKEN_ADDED, account, account.username, after=_facts(token))
    return token


def of_person(work: Work, name: str) -> list[Token]:
    """A person's app passwords, oldest first."""
    return tokens.of_person(work.tx, _person(work, name).id)


def revoke(work: Work, id: str) -> Token:
    """End an app password at once; `id` may be cut to its first eight or more characters. Raises NotFound."""
    access.site(work)
    token = tokens.beginning(work.tx, id)
    if token is None:
        raise NotFound(f"there is no app password {shown(id)}")
    account = accounts.by_id(work.tx, token.account_id)
    assert account is not None

    tokens.revoke(work.tx, token.account_id, token.id)

    work.tell(Event.TOKEN_REVOKED, account, account.username, before=_facts(token))
    return token


def _person(work: Work, name: str) -> Account:
    access.site(work)
    return access.person(work, name)


def _facts(token: Token) -> Facts:
    return {
        "id": token.id,
        "label": token.label,
        "scopes": sorted(token.scopes),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
    }
