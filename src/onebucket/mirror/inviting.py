"""People with access here who are no members there: who is one under another id, and whom to invite. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta

from onebucket.actions.mirrored_access import MirroredAccess
from onebucket.mirror.comparison import Invitation
from onebucket.remote.connector import RemotePerson

# Somebody who doesn't accept is invited again after this; a mistake doesn't send letters by the hundred.
AGAIN_AFTER = timedelta(days=30)
MOST_A_DAY = 20


def strangers(here: MirroredAccess, members: Iterable[RemotePerson]) -> set[str]:
    """Return the account_ids of people with access here who are no members there."""
    return {person for _, person in here.levels} - {each.id for each in members}


def known_by_address(
    here: MirroredAccess, members: Collection[RemotePerson], addresses: Mapping[str, str]
) -> MirroredAccess:
    """Give strangers the id of the member there who has their address and is nobody else here."""
    by_address = {each.email.lower(): each.id for each in members if each.email and each.id not in here.names}
    found = {person: by_address.get(addresses.get(person, "").lower()) for person in strangers(here, members)}
    ids = {person: id for person, id in found.items() if id}
    return here.known_as(ids) if ids else here


def choose(
    here: MirroredAccess,
    people: Iterable[str],
    addresses: Mapping[str, str],
    groups: Collection[str],
    spares: Callable[..., bool],
) -> list[Invitation]:
    """Return the invitations that are due: each to the first group that the person is in here and that is there too.

    `addresses` are by account_id; who has none can't be invited.
    """
    due = []
    for person_id in people:
        name, last = here.names[person_id], here.invited.get(person_id)
        slugs = [slug for slug in here.groups_of(person_id) if slug in groups and not spares(slug)]
        is_due = last is None or here.at - last >= AGAIN_AFTER
        if is_due and slugs and person_id in addresses and not spares(name):
            due.append(Invitation(person_id, name, addresses[person_id], slugs[0]))
    due.sort(key=lambda each: each.name)
    today = sum(1 for at in here.invited.values() if here.at - at < timedelta(days=1))
    return due[: max(0, MOST_A_DAY - today)]
