"""Keeps pending invitations in step with access: ends those that are fulfilled, or that would restore lost access.

Every action that gives or takes away access runs its change inside `settling`.
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
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_rows, group_rows, invitation_rows, invitee_rows, journal_rows
from onebucket.store.access_inputs import AccessInputs
from onebucket.store.engine.combined_query import Query


class Pending(NamedTuple):
    """An invitation to one of a person's validated addresses, and the person's present access in the account."""

    owner: Account
    person: Account
    invitation: Invitation
    reach: Reach


class Ending(NamedTuple):
    """An invitation that a change would end or reduce; `left` is what remains of it, None for nothing."""

    invitation: Invitation
    left: Invitation | None


@contextmanager
def settling(
    work: UnitOfWork,
    owner: Account | None,
    *,
    person: Account | None = None,
    people: Sequence[Account] = (),
    group: Group | None = None,
    repository: Repository | None = None,
) -> Iterator[None]:
    """Run a change of access of `person`, `people`, all members of `group` or everybody invited to `repository`.

    Then end or reduce their invitations: compares their access before and after the block. Without `owner`, looks at
    every account.
    """
    people = [person] if person else list(people)
    if owner and (person or group):
        look_ahead(work, owner, person=person, group=group)
        if not invitee_rows.is_any(work.tx, owner.id, **_ids(person, group)):
            people, group = [], None
    if group:
        people = invited(work, group)
    if repository:
        ids = invitee_rows.of_repository(work.tx, repository.account_id, repository.id)
        people = [invitee for id in ids if (invitee := account_rows.by_id(work.tx, id))]
    before = {each.invitation.id: each.reach for each in _pending(work, people, owner)}

    yield

    if before:
        people = [now for each in people if (now := account_rows.by_id(work.tx, each.id))]
        for each in _pending(work, people, owner):
            _settle(work, each, invitations.left_of(each.invitation, before.get(each.invitation.id), each.reach))


def look_ahead(
    work: UnitOfWork,
    owner: Account,
    *,
    person: Account | None = None,
    group: Group | None = None,
    also: Query | None = None,
) -> None:
    """Read what a change of access needs first, in one statement: invitations, the journal's head, and `also`."""
    work.tx.preload(
        invitee_rows.first_query(owner.id, **_ids(person, group)),
        journal_rows.head_query(work.tx, owner.id),
        also,
    )


def _ids(person: Account | None, group: Group | None) -> dict[str, str | None]:
    return {"person_id": person.id if person else None, "group_id": group.id if group else None}


def end_held(work: UnitOfWork, person: Account) -> None:
    """End invitations to things that the person has already; call this when they get a new address."""
    for each in _pending(work, [person], None):
        _settle(work, each, invitations.left_of(each.invitation, None, each.reach))


def predict(
    work: UnitOfWork,
    owner: Account,
    people: Sequence[Account],
    *,
    then: Callable[[AccessInputs], AccessInputs] = lambda known: known,
    without: Group | None = None,
    moved: Repository | None = None,
) -> list[Ending]:
    """Return which invitations would end by a change.

    `then` changes the access inputs, without the group `without`; `moved` is a repository as it would be.
    """
    excluded = without.id if without else None
    pending = _pending(work, people, owner, then=then, without=excluded, moved=moved)
    after = {each.invitation.id: each.reach for each in pending}
    endings = []
    for each in _pending(work, people, owner):
        left = invitations.left_of(each.invitation, each.reach, after[each.invitation.id])
        if left != each.invitation:
            endings.append(Ending(each.invitation, left))
    return endings


def ended_by_leaving(work: UnitOfWork, account_name: str, slug: str, member: str) -> list[Ending]:
    """Return which invitations of a member would end if they left the group."""
    owner, group = access.group(work, account_name, slug, to=To.REMOVE_MEMBER, member=member)
    return predict(work, owner, [access.person(work, member)], without=group)


def ended_by_deleting(work: UnitOfWork, account_name: str, slug: str) -> list[Ending]:
    """Return which invitations of the account would end if the group were deleted."""
    owner, group = access.group(work, account_name, slug, to=To.DELETE_GROUP)
    of_members = {each.invitation.id: each for each in predict(work, owner, invited(work, group), without=group)}
    endings = []
    for invitation in invitation_rows.of_account(work.tx, owner.id):
        left = of_members[invitation.id].left if invitation.id in of_members else invitation
        if left and group.slug in left.groups:
            others = tuple(other for other in left.groups if other != group.slug)
            left = replace(left, groups=others) if others else None
        if left != invitation:
            endings.append(Ending(invitation, left))
    return endings


def invited(work: UnitOfWork, group: Group) -> list[Account]:
    """Return the members of a group who have a pending invitation in its account."""
    ids = invitee_rows.of_group(work.tx, group.account_id, group.id)
    return [person for id in ids if (person := account_rows.by_id(work.tx, id))]


def _pending(
    work: UnitOfWork,
    people: Sequence[Account],
    owner: Account | None,
    *,
    then: Callable[[AccessInputs], AccessInputs] = lambda known: known,
    without: str | None = None,
    moved: Repository | None = None,
) -> list[Pending]:
    by_account: dict[str, list[tuple[Account, Invitation]]] = {}
    for person in people:
        for invitation in invitee_rows.invited_to(work.tx, person.id, owner.id if owner else None):
            if moved and invitation.repository and invitation.repository.id == moved.id:
                invitation = replace(invitation, repository=moved)
            by_account.setdefault(invitation.account_id, []).append((person, invitation))

    pending: list[Pending] = []
    for account_id, pairs in by_account.items():
        account = owner or account_rows.by_id(work.tx, account_id)
        if account is None:
            continue
        repositories = {each.repository.id: each.repository for _, each in pairs if each.repository}
        inputs = then(access_inputs.load(work.tx, account, repositories.values(), [person for person, _ in pairs]))
        pending += [Pending(account, *pair, _access_level(inputs, *pair, without)) for pair in pairs]
    return pending


def _access_level(inputs: AccessInputs, person: Account, invitation: Invitation, without: str | None) -> Reach:
    """Return a person's access as if they were enabled (they can be again), without public read access."""
    rows = inputs.memberships.get(person.id, ())
    level = Level.NONE
    if invitation.repository:
        private = replace(invitation.repository, is_private=True)
        level = inputs.level(replace(person, is_active=True), private, without=without)
    return Reach(frozenset(row.slug for row in rows if row.group_id != without), level)


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
