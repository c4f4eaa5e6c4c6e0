"""JSON shapes of the impact of a change."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from msgspec import Struct

from onebucket.actions.access_losses import AccessLosses
from onebucket.actions.pending_invitations import Ending
from onebucket.surfaces.core.surface import StreamedList
from onebucket.wire.lazy_list import lazy_list


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
    """Who would lose which access, and which pending invitations would end, which could give it back."""

    group: str
    losses: list[LostLevel]
    invitations: list[EndedInvitation]


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
