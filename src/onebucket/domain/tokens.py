"""App passwords: random secrets that speak for a person within their scopes."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Token:
    """An app password: a random secret, kept as its hash, that speaks for a person within its scopes."""

    account_id: str
    id: str
    label: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    secret_hash: str
