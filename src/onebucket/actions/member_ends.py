"""When memberships end: read, and moved."""

from collections.abc import Callable, Mapping
from datetime import datetime

from onebucket.actions import access, administrators
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, groups
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndWish
from onebucket.domain.events import Event
from onebucket.domain.groups import Group, GroupWithMembers
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.safe_text import quote_text
from onebucket.store import account_rows, end_rows, group_rows


def set_end(work: UnitOfWork, account_name: str, slug: str, name: str, until: EndWish) -> Account:
    """Let a membership end at another time, or not at all.

    Raises NotFound when `name` isn't a member (any more), LastAdministrator, Invalid.
    """
    owner, group = access.group(work, account_name, slug, to=To.ADD_MEMBER)
    person = account_rows.named(work.tx, name)
    if person is None or not group_rows.is_member(work.tx, group, person.id):
        raise NotFound(f"{quote_text(name)} is not a member of {group.slug}")
    if until is not None:
        move(work, owner, group, person, ends.settled(until, None, at=work.at))
    return person


def move(work: UnitOfWork, owner: Account, group: Group, person: Account, end: datetime | None) -> None:
    """Let a membership, which the actor may change, end at another time. Raises LastAdministrator."""
    membership = group_rows.membership(work.tx, group, person.id)
    before = membership.until if membership else None
    if before == end:
        return
    if before is None:
        deed = f"let the membership of {person.username} in {group.slug} end"
        administrators.keep_one(work, owner, group, deed=deed, person=person)

    group_rows.set_end(work.tx, group, person.id, end)

    work.record(
        Event.MEMBER_CHANGED,
        owner,
        group.slug,
        before=groups.member_facts(person, before),
        after=groups.member_facts(person, end),
    )


def of_listed(work: UnitOfWork) -> Callable[[GroupWithMembers], Mapping[str, datetime]]:
    """Return a function that says when memberships end, by the person's id, of a group that the actor was shown."""
    known: dict[str, dict[str, dict[str, datetime]]] = {}

    def of(roster: GroupWithMembers) -> Mapping[str, datetime]:
        account_id = roster.group.account_id
        if account_id not in known:
            known[account_id] = end_rows.of_all_members(work.tx, account_id)
        return known[account_id].get(roster.group.id, {})

    return of


def of_group(work: UnitOfWork, account_name: str, slug: str) -> Mapping[str, datetime]:
    """Return when memberships of a group end, by the person's id; members without an end are left out."""
    _, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
    return end_rows.of_members(work.tx, group)
