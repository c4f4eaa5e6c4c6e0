"""App passwords: random secrets that act for a person within their scopes."""

from dataclasses import dataclass
from datetime import datetime

from onebucket.domain import scope_rules

# App passwords can create further ones. The chain is limited because each use checks all credentials before it.
MOST_GENERATIONS = 4


@dataclass(frozen=True, slots=True)
class AppPassword:
    """An app password; only its hash is stored.

    `last_used_at` and `last_used_from` (a client address) are up to a minute old. `made_with` identifies the limited
    credential that created it, None if there was none; the app password is valid only while that credential is.
    """

    account_id: str
    id: str
    label: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    secret_hash: str
    last_used_at: datetime | None = None
    last_used_from: str | None = None
    made_with: str | None = None

    @property
    def credential(self) -> str:
        """The identifier in the journal."""
        return f"token:{self.id}"


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A use of an app password: when, and from which client address."""

    account_id: str
    token_id: str
    at: datetime
    address: str | None


# What these allow concerns only the person themselves.
_OF_ONESELF = (
    scope_rules.READ_PROFILES,
    scope_rules.READ_EMAILS,
    scope_rules.READ_SSH_KEYS,
    scope_rules.CHANGE_SSH_KEYS,
    scope_rules.DELETE_SSH_KEYS,
    scope_rules.READ_APP_PASSWORDS,
    scope_rules.CHANGE_APP_PASSWORDS,
)


def reaches_accounts(scopes: frozenset[str]) -> bool:
    """Return whether scopes allow anything in the accounts that the credential's owner has access to.

    >>> reaches_accounts(frozenset({"email", "app-password"})), reaches_accounts(frozenset({"repository"}))
    (False, True)
    """
    return any(rule.allows(scopes) for rule in scope_rules.RULES if rule not in _OF_ONESELF)
