"""Moments that can be stored, shown in every time zone, and read back by every reader."""

from datetime import UTC, datetime, timedelta

from onebucket.domain.refusals import Invalid

# A day is left at both ends, so that no time zone carries a moment out of the calendar.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def checked(moment: datetime, *, what: str) -> datetime:
    """Return a moment that lies within the range, in UTC. Raises Invalid, which names `what` is out of it.

    >>> checked(datetime(2026, 3, 4, tzinfo=UTC), what="since").isoformat()
    '2026-03-04T00:00:00+00:00'
    """
    if not EARLIEST <= moment <= LATEST:
        raise Invalid(f"{what} must lie between the years 1 and 9999")
    return moment.astimezone(UTC)


def shifted(moment: datetime, span: timedelta, *, what: str) -> datetime:
    """Return the moment that long after. Raises Invalid where that is out of the range."""
    try:
        return checked(moment + span, what=what)
    except OverflowError:
        raise Invalid(f"{what} must lie between the years 1 and 9999") from None
