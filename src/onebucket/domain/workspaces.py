"""Workspaces, as API 2.0 calls accounts: who is in one, and as what."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from onebucket.domain.accounts import Account


class Role(Enum):
    """What a person is in a workspace, the weakest first; the value is 2.0's word.

    A collaborator has a permission on a repository, but is in none of the groups.
    """

    COLLABORATOR = "collaborator"
    MEMBER = "member"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """A number that is higher for a stronger role."""
        return [*Role].index(self) + 1


@dataclass(frozen=True, slots=True)
class DatedAccount:
    """A person or a team, and when it was created."""

    account: Account
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in a workspace; `email` is their primary address, None where the caller may not see it.

    `shows_factor`: the caller may know whether the person has a second factor.
    """

    workspace: DatedAccount
    person: DatedAccount
    role: Role
    email: str | None = None
    shows_factor: bool = False
