"""Levels of access to repositories, and the rules that derive a person's level with its reasons."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from onebucket.domain import ends
from onebucket.domain.refusals import Invalid, InvalidPrivilege
from onebucket.safe_text import printable


class Level(IntEnum):
    """A level of access to a repository; a higher level includes the lower ones (contract/api-1.0.md#1.13)."""

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
    """Parse a level: `read`, `write`, `admin`, and with `none` also `none`. Raises Invalid.

    >>> parse_level("write")
    <Level.WRITE: 2>
    """
    level = _BY_WORD.get(word)

    if level is None or (level is Level.NONE and not none):
        allowed = "read, write, admin or none" if none else "read, write or admin"
        raise Invalid(f"the permission must be {allowed}")

    return level


def parse_granted_level(word: str) -> Level:
    """Parse a privilege to grant: `read`, `write` or `admin`, blanks around it trimmed (contract/api-1.0.md#p5).

    Raises InvalidPrivilege.
    """
    level = _BY_WORD.get(word.strip())
    if not level:
        raise InvalidPrivilege(f"{printable(word)} is not a valid privilege")
    return level


def group_level(*, set_there: Level | None, permission: Level | None) -> Level:
    """A group's level on a repository: the level set there (may be NONE), otherwise the group's default.

    Source: contract/api-1.0.md#1.14.

    >>> group_level(set_there=None, permission=Level.WRITE)
    <Level.WRITE: 2>
    >>> group_level(set_there=Level.NONE, permission=Level.WRITE)
    <Level.NONE: 0>
    """
    return set_there if set_there is not None else permission or Level.NONE


class Worded(Protocol):
    """A level on a repository or a project, as the API spells it."""

    @property
    def word(self) -> str:
        """The level's word."""


def facts(holder: str, name: str, level: Worded | None, until: datetime | None = None) -> dict[str, str] | None:
    """The journal's record of what a `group` or a `user` has on a repository or a project; None for nothing.

    >>> facts("group", "designers", Level.WRITE)
    {'group': 'designers', 'privilege': 'write'}
    """
    return None if level is None else {holder: name, "privilege": level.word, **ends.facts(until)}


class Through(StrEnum):
    """The sources of a person's level on a repository (contract/api-1.0.md#1.13)."""

    OWNER = "owner"
    ACCOUNT = "account"
    DIRECT = "direct"
    GROUP = "group"
    PROJECT = "project"
    PROJECT_GROUP = "project-group"
    PUBLIC = "public"


# NamedTuple, not dataclass: reports create many thousands of these, and a frozen dataclass takes two to three times as
# long to create.


class Reason(NamedTuple):
    """One reason why a person has a level; `group` is `account/slug` if it is through a group.

    `project` is `account/KEY` if the level was set on the repository's project, `directory` the label of the directory
    that keeps the group.
    `since` is when the access began, `granted_by` the username of who granted it; None if unknown. `until` is when it
    ends; None if it doesn't.
    """

    level: Level
    through: Through
    group: str | None = None
    since: datetime | None = None
    granted_by: str | None = None
    project: str | None = None
    directory: str | None = None
    until: datetime | None = None


# When something was done, and by whom (a username); None if unknown.
Provenance = tuple[datetime | None, str | None]
_UNKNOWN_PROVENANCE: Provenance = (None, None)


class ProjectGrant(NamedTuple):
    """What was set on a repository's project for a person or a group; `level` is what it gives on the repository.

    `project` is `account/KEY`, `granted` when and by whom it was set, `until` when it ends.
    """

    level: Level
    project: str
    granted: Provenance = _UNKNOWN_PROVENANCE
    until: datetime | None = None


class GroupInput(NamedTuple):
    """A group of the person, with what determines its access to one repository; `group` is `account/slug`.

    `joined` is when and by whom the person was added to the group, `granted` when and by whom its level was set there;
    `joined_until` and `granted_until` are when each of them ends.
    """

    group: str
    permission: Level | None
    set_there: Level | None
    administers: bool
    joined: Provenance = _UNKNOWN_PROVENANCE
    granted: Provenance = _UNKNOWN_PROVENANCE
    on_project: ProjectGrant | None = None
    directory: str | None = None
    joined_until: datetime | None = None
    granted_until: datetime | None = None


class AccessInput(NamedTuple):
    """Everything that determines one person's level on one repository; `direct` is a privilege set for the person."""

    is_active: bool = True
    is_site_admin: bool = False
    is_owner: bool = False
    direct: Reason | None = None
    groups: tuple[GroupInput, ...] = ()
    is_public: bool = False
    on_project: ProjectGrant | None = None


def why(access: AccessInput) -> tuple[Reason, ...]:
    """List the reasons for a person's level, the strongest first; none for a disabled person.

    What is set for a group on a repository, also `NONE`, overrides the group's default, and never what a project gives.
    Source: contract/api-1.0.md#1.13.

    >>> [reason.level.word for reason in why(AccessInput(is_owner=True, is_public=True))]
    ['admin', 'read']
    """
    if not access.is_active:
        return ()

    reasons: list[Reason] = []
    if access.is_owner:
        reasons.append(Reason(Level.ADMIN, Through.OWNER))
    if access.is_site_admin:
        reasons.append(Reason(Level.ADMIN, Through.ACCOUNT))
    for group in access.groups:
        reasons += _through_group(group)
    if access.direct:
        reasons.append(access.direct)
    if on_project := access.on_project:
        level, project, granted, until = on_project
        reasons.append(Reason(level, Through.PROJECT, None, *granted, project=project, until=until))
    if access.is_public:
        reasons.append(Reason(Level.READ, Through.PUBLIC))
    return tuple(sorted(reasons, key=_sort_key)) if len(reasons) > 1 else tuple(reasons)


def _through_group(group: GroupInput) -> Iterator[Reason]:
    """Yield what a group of the person gives them: as administrators, on the repository, and on its project."""
    if group.administers:
        until = group.joined_until
        yield Reason(Level.ADMIN, Through.ACCOUNT, group.group, *group.joined, None, group.directory, until)
    level = group_level(set_there=group.set_there, permission=group.permission)
    if level:
        since = _later(group.joined, group.granted)
        until = ends.earlier(group.joined_until, group.granted_until)
        yield Reason(level, Through.GROUP, group.group, *since, None, group.directory, until)
    if on_project := group.on_project:
        since, key = _later(group.joined, on_project.granted), on_project.project
        until = ends.earlier(group.joined_until, on_project.until)
        yield Reason(on_project.level, Through.PROJECT_GROUP, group.group, *since, key, group.directory, until)


def _later(joined: Provenance, granted: Provenance) -> Provenance:
    """The later of both: access through a group needs membership and the group's level."""
    return granted if granted[0] and (joined[0] is None or granted[0] > joined[0]) else joined


def next_change(access: AccessInput) -> datetime | None:
    """The first end after which the person's level is another one; None if the ends change nothing.

    >>> soon, later = datetime(2026, 12, 3), datetime(2027, 1, 1)
    >>> groups = GroupInput("acme/a", Level.WRITE, None, False, joined_until=soon),
    >>> next_change(AccessInput(groups=groups)), next_change(AccessInput(is_owner=True, groups=groups))
    (datetime.datetime(2026, 12, 3, 0, 0), None)
    """
    level = strongest(why(access))
    moments = {access.direct.until if access.direct else None, access.on_project.until if access.on_project else None}
    for group in access.groups:
        moments |= {group.joined_until, group.granted_until, group.on_project.until if group.on_project else None}
    later = (each for each in sorted(filter(None, moments)) if strongest(why(_after(access, each))) != level)
    return next(later, None)


def _after(access: AccessInput, moment: datetime) -> AccessInput:
    """What determines the level when everything that ends until a moment has ended."""

    def has_ended(until: datetime | None) -> bool:
        return until is not None and until <= moment

    def left(grant: ProjectGrant | None) -> ProjectGrant | None:
        return None if grant is None or has_ended(grant.until) else grant

    groups = tuple(
        group._replace(
            set_there=None if has_ended(group.granted_until) else group.set_there, on_project=left(group.on_project)
        )
        for group in access.groups
        if not has_ended(group.joined_until)
    )
    direct = None if access.direct is None or has_ended(access.direct.until) else access.direct
    return access._replace(direct=direct, groups=groups, on_project=left(access.on_project))


def _sort_key(reason: Reason) -> tuple[int, int, str]:
    return -reason.level, _ORDER[reason.through], reason.group or ""


_ORDER = {through: position for position, through in enumerate(Through)}


def strongest(ways: Iterable[Reason]) -> Level:
    """The highest level among reasons; NONE without any."""
    return max((reason.level for reason in ways), default=Level.NONE)
