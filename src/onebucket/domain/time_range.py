"""The range of times that can be stored, and shown in every time zone."""

from datetime import UTC, datetime, timedelta

from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text

# A day of margin at both ends, so that no time zone moves a time out of the calendar.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def checked(moment: datetime, *, what: str) -> datetime:
    """Return a time in UTC, which a time without an offset is already; `what` names it in the error.

    Raises Invalid when it is out of the range.

    >>> checked(datetime(2026, 3, 4), what="since").isoformat()
    '2026-03-04T00:00:00+00:00'
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not EARLIEST <= aware <= LATEST:
        raise Invalid(f"{what} must be between the years 1 and 9999")
    return aware.astimezone(UTC)


def shifted(moment: datetime, span: timedelta, *, what: str) -> datetime:
    """Return `moment + span` in UTC. Raises Invalid when it is out of the range."""
    try:
        return checked(moment + span, what=what)
    except OverflowError:
        raise Invalid(f"{what} must be between the years 1 and 9999") from None


def parse(text: str, *, what: str) -> datetime:
    """Parse a date, or a date and time, as ISO 8601 writes them; UTC unless it has an offset. Raises Invalid.

    >>> parse("2026-03-04T05:06:07z", what="since").isoformat()
    '2026-03-04T05:06:07+00:00'
    """
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise Invalid(f"{what} is not a time such as 2026-03-04 or 2026-03-04T05:06:07Z: {quote_text(text)}") from None
    return checked(moment, what=what)
