"""Invitations that wait for an answer: to groups of an account, or to one repository; and who may accept them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from onebucket.domain.accounts import Account, email_key
from onebucket.domain.letters import OutboxMail
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import LinkExpired, WrongRecipient
from onebucket.domain.repositories import Repository


@dataclass(frozen=True, slots=True)
class Invitation:
    """A pending invitation of an address: to `groups` (slugs), or to `repository` with `permission`.

    It waits until it is accepted, declined or withdrawn; its link is good until `expires_at`, and there is none
    (`link_id` is None) before a letter was asked for. `letter` is the latest one, `opened_at` when somebody opened its
    link; `repository_times` are when the repository was made and last changed. `is_void`, where that was looked for:
    whoever invited may not invite to it any more, so that nobody can accept.
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

    @property
    def repository_slug(self) -> str | None:
        """The slug of the repository it is to, if it is to one."""
        return self.repository.slug if self.repository else None

    @property
    def facts(self) -> dict[str, object]:
        """What the journal keeps of it."""
        facts: dict[str, object] = {"email": self.email, "invited_by": self.invited_by.username}
        if self.repository is None:
            return facts | {"groups": list(self.groups)}
        permission = self.permission.word if self.permission else None
        return facts | {"repository": self.repository.slug, "permission": permission}


@dataclass(frozen=True, slots=True)
class Reach:
    """What somebody has in an account who is invited there: their groups (slugs), and their level where it is to.

    Of the level, what everybody has on a public repository is left out.
    """

    groups: frozenset[str]
    level: Level


def left_of(invitation: Invitation, before: Reach | None, after: Reach) -> Invitation | None:
    """What is left of an invitation when the invited person's reach has changed; None when nothing is.

    What they have ends what was pending for it, and so does what was taken from them: nobody walks back in by an
    invitation from before. Whoever leaves the last group of an account has nothing pending there. Without `before`
    nothing was taken.
    """
    if before and before.groups and not after.groups:
        return None
    if invitation.repository:
        has_it = after.level >= (invitation.permission or Level.NONE)
        was_taken = before is not None and after.level < before.level
        return None if has_it or was_taken else invitation

    over = after.groups | before.groups if before else after.groups
    groups = tuple(slug for slug in invitation.groups if slug not in over)
    return replace(invitation, groups=groups) if groups else None


def check_link(invitation: Invitation, at: datetime) -> None:
    """Refuse a link whose time is over. Raises LinkExpired."""
    if invitation.expires_at <= at:
        raise LinkExpired


def check_invitee(invitation: Invitation, addresses: Collection[str]) -> None:
    """Refuse a person whose validated `addresses` (normal forms) don't hold the invited one. Raises WrongRecipient."""
    if email_key(invitation.email) not in addresses:
        raise WrongRecipient
