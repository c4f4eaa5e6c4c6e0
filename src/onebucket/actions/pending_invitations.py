"""What a change makes of what is pending: whoever has it needs no invitation, whoever lost it gets back by none.

Every action that lets somebody in, or takes something away, does it within `settled`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import invitations
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import Group
from onebucket.domain.invitations import Invitation, Reach
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.store import access_inputs, account_rows, group_rows, invitation_rows, invitee_rows
from onebucket.store.access_inputs import AccessInputs


class Pending(NamedTuple):
    """An invitation to one of a person's validated addresses, and what that person has in the account."""

    owner: Account
    person: Account
    invitation: Invitation
    reach: Reach


class Ending(NamedTuple):
    """An invitation that a change would end, or make smaller: `left` is what remains, None where nothing does."""

    invitation: Invitation
    left: Invitation | None


@contextmanager
def settling(
    work: UnitOfWork, owner: Account | None, *, person: Account | None = None, group: Group | None = None
) -> Iterator[None]:
    """Within this, change what a person or a group's members may do; what that makes of their invitations is done then.

    Without an `owner` it is about what the person has in every account.
    """
    people = [person] if person else invited(work, group) if group else []
    before = {each.invitation.id: each.reach for each in _pending(work, people, owner)}

    yield

    if before:
        people = [now for each in people if (now := account_rows.by_id(work.tx, each.id))]
        for each in _pending(work, people, owner):
            _settle(work, each, invitations.left_of(each.invitation, before.get(each.invitation.id), each.reach))


def end_held(work: UnitOfWork, person: Account) -> None:
    """End what a person's addresses are invited to and the person has already: one of them may be new."""
    for each in _pending(work, [person], None):
        _settle(work, each, invitations.left_of(each.invitation, None, each.reach))


def predict(
    work: UnitOfWork,
    owner: Account,
    people: Sequence[Account],
    *,
    then: Callable[[AccessInputs], AccessInputs] = lambda known: known,
    without: Group | None = None,
) -> list[Ending]:
    """What would end if what decides were another, or these people weren't in a group: told, not done."""
    left_out = without.id if without else None
    after = {each.invitation.id: each.reach for each in _pending(work, people, owner, then=then, without=left_out)}
    found = []
    for each in _pending(work, people, owner):
        left = invitations.left_of(each.invitation, each.reach, after[each.invitation.id])
        if left != each.invitation:
            found.append(Ending(each.invitation, left))
    return found


def ended_by_leaving(work: UnitOfWork, account_name: str, slug: str, member: str) -> list[Ending]:
    """What would end of what a member of a group is invited to, if they left it."""
    owner, group = access.group(work, account_name, slug, to=To.REMOVE_MEMBER, member=member)
    return predict(work, owner, [access.person(work, member)], without=group)


def ended_by_deleting(work: UnitOfWork, account_name: str, slug: str) -> list[Ending]:
    """What would end of what people are invited to, if a group were deleted."""
    owner, group = access.group(work, account_name, slug, to=To.DELETE_GROUP)
    of_members = {each.invitation.id: each for each in predict(work, owner, invited(work, group), without=group)}
    found = []
    for each in invitation_rows.of_account(work.tx, owner.id):
        left = of_members[each.id].left if each.id in of_members else each
        if left and group.slug in left.groups:
            others = tuple(other for other in left.groups if other != group.slug)
            left = replace(left, groups=others) if others else None
        if left != each:
            found.append(Ending(each, left))
    return found


def invited(work: UnitOfWork, group: Group) -> list[Account]:
    """The members of a group who are invited to something in its account."""
    ids = invitee_rows.of_group(work.tx, group.account_id, group.id)
    return [person for id in ids if (person := account_rows.by_id(work.tx, id))]


def _pending(
    work: UnitOfWork,
    people: Sequence[Account],
    owner: Account | None,
    *,
    then: Callable[[AccessInputs], AccessInputs] = lambda known: known,
    without: str | None = None,
) -> list[Pending]:
    by_account: dict[str, list[tuple[Account, Invitation]]] = {}
    for person in people:
        for invitation in invitee_rows.invited_to(work.tx, person.id, owner.id if owner else None):
            by_account.setdefault(invitation.account_id, []).append((person, invitation))

    found = []
    for account_id, theirs in by_account.items():
        where = owner or account_rows.by_id(work.tx, account_id)
        if where is None:
            continue
        there = {each.repository.id: each.repository for _, each in theirs if each.repository}
        known = then(access_inputs.load(work.tx, where, there.values(), [person for person, _ in theirs]))
        found += [Pending(where, *each, _access_level(known, *each, without)) for each in theirs]
    return found


def _access_level(known: AccessInputs, person: Account, invitation: Invitation, without: str | None) -> Reach:
    """What a person has: also one who is disabled, since that can be ended; not what everybody has."""
    rows = known.memberships.get(person.id, ())
    level = Level.NONE
    if invitation.repository:
        private = replace(invitation.repository, is_private=True)
        level = known.level(replace(person, is_active=True), private, without=without)
    return Reach(frozenset(row[2] for row in rows if row[1] != without), level)


def _settle(work: UnitOfWork, pending: Pending, left: Invitation | None) -> None:
    owner, person, before, _ = pending
    if left is None:
        invitation_rows.remove(work.tx, before)
        work.record(Event.INVITATION_ENDED, owner, before.email, before=before.facts, after={"user": person.username})
    elif left != before:
        for slug in set(before.groups) - set(left.groups):
            group = group_rows.find(work.tx, owner.id, slug)
            if group:
                invitation_rows.remove_group(work.tx, before, group.id)
        work.record(Event.INVITATION_CHANGED, owner, before.email, before=before.facts, after=left.facts)
