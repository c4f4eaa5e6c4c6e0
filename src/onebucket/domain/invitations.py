"""Invitations that wait for an answer: to groups of an account, or to one repository."""

from dataclasses import dataclass
from datetime import datetime

from onebucket.domain.privileges import Level


@dataclass(frozen=True, slots=True)
class Invitation:
    """A pending invitation of an address: to `groups` (slugs), or to `repository` (slug) with `permission`."""

    account_id: str
    id: str
    email: str
    invited_by: str
    sent_at: datetime
    groups: tuple[str, ...] = ()
    repository: str | None = None
    permission: Level | None = None
