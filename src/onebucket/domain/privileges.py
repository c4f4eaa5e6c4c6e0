"""Levels: what somebody may do on a repository, from nothing to admin, and why."""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple

from onebucket.domain.refusals import Invalid, InvalidPrivilege
from onebucket.domain.text import quote_text


class Level(IntEnum):
    """What may be done on a repository; a higher level holds the lower ones (contract/api-1.0.md#1.13)."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The level as the API spells it.

        >>> Level.WRITE.word
        'write'
        """
        return self.name.lower()


_BY_WORD = {level.word: level for level in Level}


def parse_level(word: str, *, none: bool = False) -> Level:
    """Read a level's word: `read`, `write`, `admin`, and `none` where it may stand. Raises Invalid.

    >>> parse_level("write")
    <Level.WRITE: 2>
    """
    level = _BY_WORD.get(word)

    if level is None or (level is Level.NONE and not none):
        allowed = "read, write, admin or none" if none else "read, write or admin"
        raise Invalid(f"the permission must be {allowed}")

    return level


def parse_granted_level(word: str) -> Level:
    """Read the word with which a privilege is granted, blanks around it trimmed. Raises InvalidPrivilege (contract/api-1.0.md#p5)."""
    level = _BY_WORD.get(word.strip())
    if not level:
        raise InvalidPrivilege(f"{quote_text(word)[1:-1]} is not a valid privilege")
    return level


def group_level(*, set_there: Level | None, permission: Level | None) -> Level:
    """What a group has on a repository: what was set for it there, also nothing, otherwise its default (contract/api-1.0.md#1.14).

    >>> group_level(set_there=None, permission=Level.WRITE)
    <Level.WRITE: 2>
    >>> group_level(set_there=Level.NONE, permission=Level.WRITE)
    <Level.NONE: 0>
    """
    return set_there if set_there is not None else permission or Level.NONE


class Through(StrEnum):
    """The ways in which a person can have a level on a repository (contract/api-1.0.md#1.13)."""

    OWNER = "owner"
    ACCOUNT = "account"
    DIRECT = "direct"
    GROUP = "group"
    PUBLIC = "public"


# Tuples with names, not dataclasses: a thousand questions make some thousands of each, and a frozen dataclass takes
# two to three times as long to make.


class Reason(NamedTuple):
    """One way in which a person has a level; `group` is `account/slug` where it is through a group.

    `since` and `granted_by` (a username) say from when and by whom that way is open, where somebody opened it.
    """

    level: Level
    through: Through
    group: str | None = None
    since: datetime | None = None
    granted_by: str | None = None


# When something was done, and by whom (a username), where that is known.
Provenance = tuple[datetime | None, str | None]
_UNKNOWN_PROVENANCE: Provenance = (None, None)


class GroupInput(NamedTuple):
    """A group that a person is in, as it bears on one repository; `group` is `account/slug`.

    `joined` is the person's coming into the group, `settled` the setting of its level there.
    """

    group: str
    permission: Level | None
    set_there: Level | None
    administers: bool
    joined: Provenance = _UNKNOWN_PROVENANCE
    granted: Provenance = _UNKNOWN_PROVENANCE


class AccessInput(NamedTuple):
    """All that decides what one person may do on one repository; `direct` is None where nothing was given to him."""

    is_active: bool = True
    is_site_admin: bool = False
    is_owner: bool = False
    direct: Reason | None = None
    groups: tuple[GroupInput, ...] = ()
    is_public: bool = False


def why(case: AccessInput) -> tuple[Reason, ...]:
    """Every way in which the person has a level, the one that decides first (contract/api-1.0.md#1.13); none for a disabled person.

    >>> [reason.level.word for reason in why(AccessInput(is_owner=True, is_public=True))]
    ['admin', 'read']
    """
    if not case.is_active:
        return ()

    ways: list[Reason] = []
    if case.is_owner:
        ways.append(Reason(Level.ADMIN, Through.OWNER))
    if case.is_site_admin:
        ways.append(Reason(Level.ADMIN, Through.ACCOUNT))
    for each in case.groups:
        if each.administers:
            ways.append(Reason(Level.ADMIN, Through.ACCOUNT, each.group, *each.joined))
        level = group_level(set_there=each.set_there, permission=each.permission)
        if level:
            ways.append(Reason(level, Through.GROUP, each.group, *_later(each.joined, each.granted)))
    if case.direct:
        ways.append(case.direct)
    if case.is_public:
        ways.append(Reason(Level.READ, Through.PUBLIC))
    return tuple(sorted(ways, key=_sort_key)) if len(ways) > 1 else tuple(ways)


def _later(joined: Provenance, settled: Provenance) -> Provenance:
    """The deed since which a group is a way: both have to be done."""
    return settled if settled[0] and (joined[0] is None or settled[0] > joined[0]) else joined


def _sort_key(way: Reason) -> tuple[int, int, str]:
    return -way.level, _ORDER[way.through], way.group or ""


_ORDER = {through: place for place, through in enumerate(Through)}


def strongest(ways: Iterable[Reason]) -> Level:
    """The level that several ways give together."""
    return max((way.level for way in ways), default=Level.NONE)
