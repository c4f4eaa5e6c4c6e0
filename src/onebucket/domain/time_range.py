"""The range of times that can be stored and shown in every time zone."""

from datetime import UTC, datetime, timedelta

from onebucket.domain.refusals import Invalid

# A day of margin at both ends, so that no time zone moves a time out of the calendar.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def checked(moment: datetime, *, what: str) -> datetime:
    """Return a time in UTC if it is within the range; `what` names it in the error. Raises Invalid.

    >>> checked(datetime(2026, 3, 4, tzinfo=UTC), what="since").isoformat()
    '2026-03-04T00:00:00+00:00'
    """
    if not EARLIEST <= moment <= LATEST:
        raise Invalid(f"{what} must lie between the years 1 and 9999")
    return moment.astimezone(UTC)


def shifted(moment: datetime, span: timedelta, *, what: str) -> datetime:
    """Return `moment + span` in UTC. Raises Invalid when it is out of the range."""
    try:
        return checked(moment + span, what=what)
    except OverflowError:
        raise Invalid(f"{what} must lie between the years 1 and 9999") from None
