"""Access that ends: takes away what is due, and records it, before anything else is read or changed."""

from collections.abc import Callable, Mapping
from datetime import datetime

from onebucket.actions import pending_invitations, review_ends
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, privileges
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.ends import EndKind
from onebucket.domain.events import Event
from onebucket.domain.groups import Group
from onebucket.domain.journal_entry import Facts
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits
from onebucket.store import (
    account_rows,
    end_rows,
    group_rows,
    invitation_rows,
    privilege_rows,
    project_privilege_rows,
)
from onebucket.store.end_rows import AccessEnd
from onebucket.store.engine.ends import Ends
from onebucket.store.engine.transaction import Transaction

_EVENTS: Mapping[EndKind, Event] = {
    EndKind.MEMBERSHIP: Event.MEMBER_ENDED,
    EndKind.GROUP_PRIVILEGE: Event.GROUP_PRIVILEGE_ENDED,
    EndKind.PRIVILEGE: Event.PRIVILEGE_ENDED,
    EndKind.PROJECT_GROUP_PRIVILEGE: Event.PROJECT_GROUP_PRIVILEGE_ENDED,
    EndKind.PROJECT_PRIVILEGE: Event.PROJECT_PRIVILEGE_ENDED,
}
# Who ends it, in the journal.
_CLOCK = Actor(None, "clock", is_operator=True)


def applied_by(
    clock: Callable[[], datetime],
    now: Callable[[], float],
    new_id: Callable[[], str],
    site_limits: SiteLimits = DEFAULT_LIMITS,
) -> Ends:
    """Return what a database needs to let access end: the clock that decides, a monotonic one, and `apply_due`."""

    def apply(tx: Transaction, at: datetime) -> None:
        apply_due(UnitOfWork(_CLOCK, tx, at, "ends", new_id, site_limits=site_limits))

    return Ends(clock, now, apply)


def apply_due(work: UnitOfWork) -> None:
    """Take away all access whose end has come, in the order of the ends, with a journal entry for each.

    Asks nobody: whoever gave the access named its end.
    """
    at = work.at
    for end in end_rows.due(work.tx, at):
        owner = account_rows.by_id(work.tx, end.account_id)
        if owner is not None:
            _apply(work, owner, end)
    for id in end_rows.due_invitations(work.tx, at):
        invitation = invitation_rows.by_id(work.tx, id)
        owner = account_rows.by_id(work.tx, invitation.account_id) if invitation else None
        # What ended just now may have ended the invitation, too.
        if invitation is not None and owner is not None and invitation_rows.remove(work.tx, invitation):
            work.record(Event.INVITATION_ENDED, owner, invitation.email, before=invitation.facts)
    review_ends.apply_due(work, at)


def _apply(work: UnitOfWork, owner: Account, end: AccessEnd) -> None:
    group = group_rows.find(work.tx, owner.id, end.group) if end.group else None
    person = account_rows.by_id(work.tx, end.person_id) if end.person_id else None
    with pending_invitations.settling(work, owner, person=person, group=group):
        _remove(work.tx, end, group, person)
        facts = {**_facts(end, group, person), "granted_by": end.granted_by, **ends.facts(end.until)}
        work.record(_EVENTS[end.kind], owner, end.place, before=facts)


def _remove(tx: Transaction, end: AccessEnd, group: Group | None, person: Account | None) -> None:
    match end.kind:
        case EndKind.MEMBERSHIP:
            team = group_rows.find(tx, end.account_id, end.place)
            if team and person:
                group_rows.remove_member(tx, team, person.id)
        case EndKind.GROUP_PRIVILEGE if group:
            privilege_rows.remove_for_group(tx, end.account_id, end.place_id, group.id)
        case EndKind.PRIVILEGE if person:
            privilege_rows.remove_for_person(tx, end.account_id, end.place_id, person.id)
        case EndKind.PROJECT_GROUP_PRIVILEGE if group:
            project_privilege_rows.remove_for_group(tx, end.account_id, end.place_id, group.id)
        case EndKind.PROJECT_PRIVILEGE if person:
            project_privilege_rows.remove_for_person(tx, end.account_id, end.place_id, person.id)


def _facts(end: AccessEnd, group: Group | None, person: Account | None) -> Facts:
    if end.kind is EndKind.MEMBERSHIP:
        return {"member": person.username if person else None, "id": end.person_id}
    level = (ProjectLevel if end.kind in ends.ON_PROJECTS else Level)(end.level or 0)
    if group:
        return privileges.facts("group", group.slug, level) or {}
    return privileges.facts("user", person.username if person else "", level) or {}
