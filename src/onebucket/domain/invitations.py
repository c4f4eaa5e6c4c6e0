"""Pending invitations, to groups of an account or to one repository, and the rules for accepting and ending them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from onebucket.domain import ends
from onebucket.domain.accounts import Account, email_key
from onebucket.domain.letters import OutboxMail
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import LinkExpired, WrongRecipient
from onebucket.domain.repositories import Repository


@dataclass(frozen=True, slots=True)
class Invitation:
    """A pending invitation of an e-mail address: to `groups` (slugs), or to `repository` with `permission`.

    It stays pending until it is accepted, declined or withdrawn. Its link is valid until `expires_at`; `link_id` is
    None before a mail was requested. `letter` is the latest mail, `opened_at` when its link was opened.
    `repository_times` are when the repository was created and last changed. `is_void` (if it was determined): the
    inviter has lost the right to invite there, so nobody can accept. `until` is when what accepting gives ends.
    """

    account_id: str
    id: str
    email: str
    invited_by: Account
    sent_at: datetime
    expires_at: datetime
    groups: tuple[str, ...] = ()
    repository: Repository | None = None
    permission: Level | None = None
    link_id: str | None = None
    opened_at: datetime | None = None
    letter: OutboxMail | None = None
    repository_times: tuple[datetime, datetime] | None = None
    is_void: bool = False
    until: datetime | None = None

    @property
    def repository_slug(self) -> str | None:
        """The repository's slug; None for an invitation to groups."""
        return self.repository.slug if self.repository else None

    @property
    def facts(self) -> dict[str, object]:
        """The journal's record of the invitation."""
        facts: dict[str, object] = {
            "email": self.email, "invited_by": self.invited_by.username, **ends.facts(self.until)
        }  # fmt: skip
        if self.repository is None:
            return facts | {"groups": list(self.groups)}
        permission = self.permission.word if self.permission else None
        return facts | {"repository": self.repository.slug, "permission": permission}


@dataclass(frozen=True, slots=True)
class Reach:
    """An invited person's access in the account: their groups (slugs), and their level on the invitation's repository.

    `level` leaves out the read access that everybody has on a public repository.
    """

    groups: frozenset[str]
    level: Level


def left_of(invitation: Invitation, before: Reach | None, after: Reach) -> Invitation | None:
    """The rest of an invitation after the invited person's access has changed; None when nothing is left.

    Access that they have now, or that was taken from them, ends the invitation to it: a removed person must not get
    back in with an old invitation. Leaving the last group of an account ends all invitations there. Pass None as
    `before` when nothing was taken away.
    """
    if before and before.groups and not after.groups:
        return None
    if invitation.repository:
        has_access = after.level >= (invitation.permission or Level.NONE)
        was_taken = before is not None and after.level < before.level
        return None if has_access or was_taken else invitation

    ended = after.groups | before.groups if before else after.groups
    groups = tuple(slug for slug in invitation.groups if slug not in ended)
    return replace(invitation, groups=groups) if groups else None


def check_link(invitation: Invitation, at: datetime) -> None:
    """Refuse an expired link. Raises LinkExpired."""
    if invitation.expires_at <= at:
        raise LinkExpired


def check_invitee(invitation: Invitation, addresses: Collection[str]) -> None:
    """Refuse a person whose confirmed `addresses` (normal forms) lack the invited one. Raises WrongRecipient."""
    if email_key(invitation.email) not in addresses:
        raise WrongRecipient
