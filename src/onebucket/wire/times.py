"""Format times: the API's Amsterdam local time, and UTC. The host's time zone is never used."""

from datetime import UTC, datetime
from importlib import resources
from typing import overload
from zoneinfo import ZoneInfo

_ZONE = "Europe/Amsterdam"

# Load the zone from the tzdata package: ZoneInfo("…") prefers the host's database, and hosts differ.
with resources.files("tzdata").joinpath("zoneinfo", *_ZONE.split("/")).open("rb") as _file:
    _AMSTERDAM = ZoneInfo.from_file(_file, key=_ZONE)

# Arguments of isoformat by style: the separator and the precision. isoformat truncates, it doesn't round.
_STYLES = {"plain": (" ", "seconds"), "iso": ("T", "milliseconds")}


@overload
def utc(instant: datetime) -> str: ...
@overload
def utc(instant: None) -> None: ...
def utc(instant: datetime | None) -> str | None:
    """Format a time in UTC, truncated to seconds; None stays None.

    Raises ValueError for a naive datetime. Source: contract/formats.md#t1, contract/formats.md#t4.

    >>> utc(datetime(2026, 3, 4, 9, 15, 9, 999_999, tzinfo=UTC))
    '2026-03-04 09:15:09+00:00'
    """
    if instant is None:
        return None

    return _aware(instant).astimezone(UTC).isoformat(" ", "seconds")


@overload
def amsterdam(instant: datetime, style: str = "plain") -> str: ...
@overload
def amsterdam(instant: None, style: str = "plain") -> None: ...
def amsterdam(instant: datetime | None, style: str = "plain") -> str | None:
    """Format a time as Amsterdam local time without offset; None stays None.

    The style is `plain` (seconds) or `iso` (with a T and milliseconds); both truncate. Raises ValueError for a naive
    datetime and for any other style. Source: contract/formats.md#t2, contract/formats.md#t5.

    >>> amsterdam(datetime(2026, 7, 4, 9, 15, 9, 999_999, tzinfo=UTC), "iso")
    '2026-07-04T11:15:09.999'
    """
    if style not in _STYLES:
        raise ValueError(f"no style of time: {style!r}")
    if instant is None:
        return None

    return _aware(instant).astimezone(_AMSTERDAM).replace(tzinfo=None).isoformat(*_STYLES[style])


def to_iso(moment: datetime) -> str:
    """Format a time in UTC as ISO 8601 with a Z, truncated to seconds.

    >>> to_iso(datetime(2026, 3, 4, 9, 15, 9, 999_999, tzinfo=UTC))
    '2026-03-04T09:15:09Z'
    """
    return moment.isoformat()[:19] + "Z"


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError("an instant without a zone could be any hour")

    return instant
