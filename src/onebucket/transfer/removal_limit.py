"""Limits how much one apply may remove from an account, as a safeguard against incomplete documents.

Counts each group, membership, privilege, pending invitation and webhook as one, whether it is removed because a
document leaves it out, because its group is deleted, or by the level `none`.
"""

from collections.abc import Hashable, Iterable

from onebucket.actions import account_snapshot
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import email_key
from onebucket.domain.removal_limits import RemovalLimit
from onebucket.transfer.apply_context import Subject


class TooManyRemovals(Exception):
    """More would be removed than the limit allows; the message says which limit would be needed."""


def check(work: UnitOfWork, subjects: Iterable[Subject], cap: RemovalLimit) -> None:
    """Compare the accounts' items before the apply with the present ones. Raises TooManyRemovals."""
    exceeded: list[tuple[str, int, int]] = []
    for subject in subjects:
        before = _items(subject.before)
        if not before:
            continue
        gone = len(before - _items(account_snapshot.snapshot_of(work, subject.name)))
        if not cap.allows(gone, len(before)):
            exceeded.append((subject.name, gone, len(before)))

    if exceeded:
        parts = ", ".join(f"{gone:,} of the {total:,} things of {name}" for name, gone, total in exceeded)
        raise TooManyRemovals(
            f"this removes {parts} (groups, members, privileges, invitations, webhooks), but --max-removals is {cap}: "
            f"nothing was changed; to do it, use --max-removals {max(gone for _, gone, _ in exceeded)}"
        )


def _items(snapshot: AccountSnapshot) -> set[Hashable]:
    groups = {roster.group.slug: roster.group.id for roster in snapshot.rosters}
    items: set[Hashable] = {("group", id) for id in groups.values()}
    for roster in snapshot.rosters:
        items |= {("member", roster.group.id, member.id) for member in roster.members or ()}
    keys = {project.key: project.id for project in snapshot.projects}
    for key, of_project in snapshot.project_grants.items():
        items |= {("group's on project", keys[key], groups.get(group, group)) for group in of_project.groups}
        items |= {("person's on project", keys[key], name) for name in of_project.people}
    for slug, grants in snapshot.grants.items():
        items |= {("group's", slug, groups.get(group, group)) for group, level in grants.groups.items() if level}
        items |= {("person's", slug, name) for name, level in grants.people.items() if level}
    items |= {("invitation", email_key(each.email), each.repository_slug) for each in snapshot.invitations}
    items |= {("webhook", each.id) for each in snapshot.webhooks}
    return items
