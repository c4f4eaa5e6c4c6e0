"""Limits how much one apply may remove from an account, as a safeguard against incomplete documents.

Counts each group, membership, privilege and pending invitation as one, whether it is removed because a document leaves
it out, because its group is deleted, or by the level `none`.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from onebucket.actions import account_snapshot
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import email_key
from onebucket.transfer.apply_context import Subject


class TooManyRemovals(Exception):
    """More would be removed than the limit allows; the message says which limit would be needed."""


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """What may be removed from one account: `number` items, or `number` percent of its items."""

    number: int
    in_hundred: bool

    def allows(self, gone: int, had: int) -> bool:
        """Return whether `gone` of the `had` items of an account may be removed."""
        return gone * 100 <= self.number * had if self.in_hundred else gone <= self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.in_hundred else str(self.number)


DEFAULT = RemovalLimit(25, in_hundred=True)


def parse_limit(text: str) -> RemovalLimit:
    """Parse a limit given as a number or a percentage. Raises ValueError.

    >>> parse_limit("25%"), parse_limit("12")
    (RemovalLimit(number=25, in_hundred=True), RemovalLimit(number=12, in_hundred=False))
    """
    digits = text.removesuffix("%").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ValueError(f"{text!r} is neither a number nor a percentage like 25%")
    return RemovalLimit(int(digits), in_hundred=text.endswith("%"))


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
        parts = ", ".join(f"{gone:,} of the {total:,} things that {name} has" for name, gone, total in exceeded)
        raise TooManyRemovals(
            f"this takes away {parts} (groups, members, privileges, invitations), and no more than {cap} of an account "
            f"may go: nothing was changed; if you mean it, say --max-removals {max(gone for _, gone, _ in exceeded)}"
        )


def _items(snapshot: AccountSnapshot) -> set[Hashable]:
    groups = {roster.group.slug: roster.group.id for roster in snapshot.rosters}
    items: set[Hashable] = {("group", id) for id in groups.values()}
    for roster in snapshot.rosters:
        items |= {("member", roster.group.id, member.id) for member in roster.members or ()}
    for slug, grants in snapshot.grants.items():
        items |= {("group's", slug, groups.get(group, group)) for group, level in grants.groups.items() if level}
        items |= {("person's", slug, name) for name, level in grants.people.items() if level}
    items |= {("invitation", email_key(each.email), each.repository_slug) for each in snapshot.invitations}
    return items
