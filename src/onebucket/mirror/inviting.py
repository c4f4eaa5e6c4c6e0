"""Whom a mirror invites to the host: people with access here who are no members there. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta

from onebucket.actions.mirrored_access import MirroredAccess
from onebucket.mirror.comparison import Invitation

# Somebody who doesn't accept is invited again after this; a mistake doesn't send letters by the hundred.
AGAIN_AFTER = timedelta(days=30)
MOST_A_DAY = 20


def choose(
    here: MirroredAccess,
    strangers: Iterable[str],
    addresses: Mapping[str, str],
    groups: Collection[str],
    spares: Callable[..., bool],
) -> list[Invitation]:
    """Return the invitations that are due: each to the first group that the person is in here and that is there too.

    `addresses` are by account_id; who has none can't be invited.
    """
    due = []
    for person_id in strangers:
        name, last = here.names[person_id], here.invited.get(person_id)
        slugs = [slug for slug in here.groups_of(person_id) if slug in groups and not spares(slug)]
        is_due = last is None or here.at - last >= AGAIN_AFTER
        if is_due and slugs and person_id in addresses and not spares(name):
            due.append(Invitation(person_id, name, addresses[person_id], slugs[0]))
    due.sort(key=lambda each: each.name)
    today = sum(1 for at in here.invited.values() if here.at - at < timedelta(days=1))
    return due[: max(0, MOST_A_DAY - today)]
