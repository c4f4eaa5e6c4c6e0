"""Moments as the tables hold them: whole microseconds since 1970."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def number(moment: datetime) -> int:
    """The moment as a table holds it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The moment that a table's number stands for."""
    return _EPOCH + timedelta(0, 0, number)
