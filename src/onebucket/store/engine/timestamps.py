"""Timestamps as the tables hold them: whole microseconds since 1970."""

from datetime import UTC, datetime, timedelta

from onebucket.domain.time_range import EARLIEST, LATEST

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = ((limit - _EPOCH) // _MICROSECOND for limit in (EARLIEST, LATEST))


def to_number(moment: datetime) -> int:
    """Convert a timestamp to a table's number; clamp it to the range that can be read back.

    >>> from_number(to_number(datetime.max.replace(tzinfo=UTC)))
    datetime.datetime(9999, 12, 30, 0, 0, tzinfo=datetime.timezone.utc)
    """
    since = moment - _EPOCH
    return min(max((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, _FIRST), _LAST)


def from_number(number: int) -> datetime:
    """Convert a table's number to a timestamp; clamp it, since other tools may have written any number."""
    return _EPOCH + timedelta(0, 0, min(max(number, _FIRST), _LAST))


def optional_from_number(number: int | None) -> datetime | None:
    """Convert a table's number, or NULL, to a timestamp or None."""
    return None if number is None else from_number(number)


def optional_to_number(moment: datetime | None) -> int | None:
    """Convert a timestamp or None to a table's number or NULL."""
    return None if moment is None else to_number(moment)
