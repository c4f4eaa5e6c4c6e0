"""JSON shapes of access checks and of the impact of a change."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.access_losses import AccessLosses
from onebucket.actions.pending_invitations import Ending
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import Refusal
from onebucket.surfaces.routing import StreamedList
from onebucket.wire.lazy_list import lazy_list


class AccessWay(Struct, frozen=True, omit_defaults=True):
    """One way in which a person has a level: as owner, with the account, directly, through a group, or publicly.

    `group` is `account/slug`; `since` (UTC) and `granted_by` say when and by whom that way was opened.
    """

    level: str
    through: str
    group: str | None = None
    since: datetime | None = None
    granted_by: str | None = None


class Access(Struct, frozen=True):
    """What a person may do on a repository: the level, whether that is enough for what was asked, and why.

    Among several, a question that got no answer has `refused` in place of `revision`: why not.
    """

    user: str
    repository: str
    level: str | None
    allowed: bool
    because: list[AccessWay]
    revision: int | UnsetType = UNSET
    refused: str | UnsetType = UNSET


class LostLevel(Struct, frozen=True):
    """What one person would have less on one repository."""

    user: str
    repository: str
    before: str
    after: str | None


class EndedInvitation(Struct, frozen=True):
    """A pending invitation that would end, wholly or for these groups (each `account/slug`)."""

    email: str
    groups: list[str]
    repository: str | None
    permission: str | None


class Impact(Struct, frozen=True):
    """Who would lose what, and which pending invitations would end, so that nobody comes back by one from before."""

    group: str
    losses: list[LostLevel]
    invitations: list[EndedInvitation]


def access(decision: AccessDecision, asked: Level) -> Access:
    """Shape an access decision; `asked` is the level asked for, `NONE` for any."""
    level = decision.level
    return Access(
        user=decision.person.username,
        repository=f"{decision.owner.username}/{decision.repository.slug}",
        level=_WORDS[level] if level else None,
        allowed=decision.allows(asked),
        because=[_way(reason) for reason in decision.ways],
        revision=decision.revision,
    )


def refused_answer(question: AccessQuery, refusal: Refusal) -> Access:
    """Shape a question that was refused, with the reason in `refused`."""
    repository = f"{question.account}/{question.repository}"
    return Access(question.user, repository, None, False, [], refused=refusal.sentence)


def impact(losses: AccessLosses, endings: list[Ending]) -> StreamedList:
    """Stream who would lose what, by person, then repository, and which pending invitations would end."""
    account = losses.owner.username
    ended_invitations = lazy_list(_ended(account, ending) for ending in endings)
    return StreamedList(Impact(f"{account}/{losses.group.slug}", lazy_list(_lost(account, losses)), ended_invitations))


def _lost(account: str, losses: AccessLosses) -> Iterator[LostLevel]:
    for _, of_person in groupby(losses, key=lambda loss: loss.person.id):
        losses_by_slug = [(repository.slug, loss) for loss in of_person for repository in loss.repositories]
        for slug, loss in sorted(losses_by_slug, key=itemgetter(0)):
            yield LostLevel(
                user=loss.person.username,
                repository=f"{account}/{slug}",
                before=loss.before.word,
                after=loss.after.word if loss.after else None,
            )


def _ended(account: str, ending: Ending) -> EndedInvitation:
    invitation, left = ending
    repository, permission = invitation.repository, invitation.permission
    return EndedInvitation(
        email=invitation.email,
        groups=[f"{account}/{slug}" for slug in invitation.groups if left is None or slug not in left.groups],
        repository=f"{account}/{repository.slug}" if repository else None,
        permission=permission.word if permission else None,
    )


def _way(reason: Reason) -> AccessWay:
    level, through, group, since, granted_by = reason
    return AccessWay(_WORDS[level], through, group, since and since.replace(microsecond=0), granted_by)


# A table, because a bulk check of 1,000 pairs looks up thousands of names.
_WORDS = {level: level.word for level in Level}


def to_iso(moment: datetime) -> str:
    """Format a time as ISO 8601 in UTC, without fractions of a second."""
    return moment.isoformat()[:19] + "Z"
