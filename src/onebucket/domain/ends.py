"""When access ends: moments as people and programs write them, and the rules for naming another one."""

import re
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from typing import Final, TypeVar

from onebucket.domain import time_range
from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text


class Never(Enum):
    """The wish that access doesn't end, which is not the same as no wish."""

    NEVER = "never"


NEVER: Final = Never.NEVER


class EndKind(Enum):
    """What ends, besides invitations, by the name of its table."""

    MEMBERSHIP = "memberships"
    GROUP_PRIVILEGE = "group_privileges"
    PRIVILEGE = "privileges"
    PROJECT_GROUP_PRIVILEGE = "project_group_privileges"
    PROJECT_PRIVILEGE = "project_privileges"


ON_PROJECTS = (EndKind.PROJECT_GROUP_PRIVILEGE, EndKind.PROJECT_PRIVILEGE)

# What ends within this time ends soon: pages mark it.
SOON = timedelta(days=7)

_Moment = TypeVar("_Moment", datetime, int)

# What somebody who gives access says about its end: a moment, never, or nothing, which leaves what was.
EndWish = datetime | Never | None

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Z]|[+ -]\d\d:?\d\d)?)?", re.IGNORECASE)
_LAST_SECOND = time(23, 59, 59, tzinfo=UTC)


def parse(text: str) -> EndWish:
    """Parse a moment of ISO 8601 with its time zone, a date alone for the end of that day in UTC, or `never`.

    Fractions of a second are cut off. A blank before an offset counts as the `+` that it was in an address.
    Raises Invalid.

    >>> parse("2026-12-03").isoformat(), parse("2026-12-03T10:00:00+01:00").isoformat()
    ('2026-12-03T23:59:59+00:00', '2026-12-03T09:00:00+00:00')
    """
    wish = text.strip()
    if wish.lower() == NEVER.value:
        return NEVER
    found = _MOMENT.fullmatch(wish)
    if found is None:
        raise Invalid(f"until is not a time such as 2026-12-03 or 2026-12-03T10:00:00Z, or never: {quote_text(text)}")
    try:
        if found[1] is None:
            return time_range.checked(datetime.combine(datetime.fromisoformat(wish), _LAST_SECOND), what="until")
        moment = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", wish.upper()) if found[4] else wish)
    except ValueError:
        raise Invalid(f"until is not in the calendar: {quote_text(text)}") from None
    if moment.tzinfo is None:
        raise Invalid(f"until needs a time zone, as in 2026-12-03T10:00:00Z: {quote_text(text)}")
    return time_range.checked(moment, what="until").replace(microsecond=0)


def settled(wish: EndWish, before: datetime | None, *, at: datetime) -> datetime | None:
    """Return when access ends that ended at `before`: nobody lengthens or shortens it without naming an end.

    Raises Invalid for an end that is not in the future.
    """
    if wish is None:
        return before
    if wish is NEVER:
        return None
    if wish <= at:
        raise Invalid(f"until must be in the future, and {text(wish)} has passed", field="until")
    return wish


def moves(wish: EndWish, before: datetime | None) -> bool:
    """Return whether somebody wishes for another end than the one there is."""
    return wish is not None and wish != (NEVER if before is None else before)


def text(end: datetime) -> str:
    """Return an end as documents, answers and the journal write it.

    >>> text(datetime(2026, 12, 3, 23, 59, 59, tzinfo=UTC))
    '2026-12-03T23:59:59Z'
    """
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def facts(end: datetime | None) -> dict[str, str]:
    """The journal's record of an end; empty where there is none."""
    return {} if end is None else {"until": text(end)}


def earlier(one: _Moment | None, other: _Moment | None) -> _Moment | None:
    """Return the earlier of two ends, of which each may be missing; moments, or numbers as the tables hold them.

    >>> earlier(3, 2), earlier(None, 3), earlier(None, None)
    (2, 3, None)
    """
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
