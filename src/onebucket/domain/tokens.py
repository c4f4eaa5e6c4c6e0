"""App passwords: random secrets that speak for a person within their scopes."""

from dataclasses import dataclass
from datetime import datetime

# A credential may make app passwords, these may make others, and so on: each use asks for all that went before.
MOST_GENERATIONS = 4


@dataclass(frozen=True, slots=True)
class AppPassword:
    """An app password: a random secret, kept as its hash, that speaks for a person within its scopes.

    `last_used_at` and `last_used_from` (a network address) are known a minute late. `made_with` names the limited
    credential that it was made with, if it was, and counts only as long as that one does.
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
        """How the journal names it."""
        return f"token:{self.id}"


@dataclass(frozen=True, slots=True)
class TokenUse:
    """That somebody's app password was used, when, and from which network address."""

    account_id: str
    token_id: str
    at: datetime
    address: str | None
