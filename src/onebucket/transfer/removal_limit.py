"""How much one apply may take from an account: a cap against documents that leave out more than somebody meant.

Groups, memberships, privileges and pending invitations count, one each, however they come to go: because a document
leaves them out, with a group that goes, or by the level `none`.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from onebucket.actions import account_snapshot
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import email_key
from onebucket.transfer.apply_context import Subject


class TooManyRemovals(Exception):
    """More would go than may; the sentence says with which number it would be done."""


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """What may go from one account: so many things, or so many in a hundred."""

    number: int
    in_hundred: bool

    def allows(self, gone: int, had: int) -> bool:
        """Whether that many of what an account had may go."""
        return gone * 100 <= self.number * had if self.in_hundred else gone <= self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.in_hundred else str(self.number)


DEFAULT = RemovalLimit(25, in_hundred=True)


def parse_limit(text: str) -> RemovalLimit:
    """A cap as it is written.

    >>> parse_limit("25%"), parse_limit("12")
    (Cap(number=25, in_hundred=True), Cap(number=12, in_hundred=False))

    Raises ValueError.
    """
    digits = text.removesuffix("%").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ValueError(f"{text!r} is neither a number nor a percentage like 25%")
    return RemovalLimit(int(digits), in_hundred=text.endswith("%"))


def check(work: UnitOfWork, subjects: Iterable[Subject], cap: RemovalLimit) -> None:
    """Compare what the accounts had with what they have now. Raises TooManyRemovals."""
    beyond: list[tuple[str, int, int]] = []
    for subject in subjects:
        had = _things(subject.before)
        if not had:
            continue
        gone = len(had - _things(account_snapshot.snapshot_of(work, subject.name)))
        if not cap.allows(gone, len(had)):
            beyond.append((subject.name, gone, len(had)))

    if beyond:
        parts = ", ".join(f"{gone:,} of the {had:,} things that {name} has" for name, gone, had in beyond)
        raise TooManyRemovals(
            f"this takes away {parts} (groups, members, privileges, invitations), and no more than {cap} of an account "
            f"may go: nothing was changed; if you mean it, say --max-removals {max(gone for _, gone, _ in beyond)}"
        )


def _things(had: AccountSnapshot) -> set[Hashable]:
    groups = {roster.group.slug: roster.group.id for roster in had.rosters}
    things: set[Hashable] = {("group", id) for id in groups.values()}
    for roster in had.rosters:
        things |= {("member", roster.group.id, member.id) for member in roster.members or ()}
    for slug, grants in had.grants.items():
        things |= {("group's", slug, groups.get(group, group)) for group, level in grants.groups.items() if level}
        things |= {("person's", slug, name) for name, level in grants.people.items() if level}
    things |= {("invitation", email_key(each.email), each.repository_slug) for each in had.invitations}
    return things
