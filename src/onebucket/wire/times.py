"""Instants going out: Amsterdam wall time for people of the old days, and UTC beside it; nothing local is ever read."""

from datetime import UTC, datetime
from importlib import resources
from typing import overload
from zoneinfo import ZoneInfo

_ZONE = "Europe/Amsterdam"

# From the package, not by name: ZoneInfo("…") would ask the host first, and hosts differ.
with resources.files("tzdata").joinpath("zoneinfo", *_ZONE.split("/")).open("rb") as _file:
    _AMSTERDAM = ZoneInfo.from_file(_file, key=_ZONE)

# style -> what stands between day and hour, and how fine the clock is; isoformat cuts, it never rounds
_STYLES = {"plain": (" ", "seconds"), "iso": ("T", "milliseconds")}


@overload
def utc(instant: datetime) -> str: ...
@overload
def utc(instant: None) -> None: ...
def utc(instant: datetime | None) -> str | None:
    """Write an aware instant in UTC, its fraction cut off; None stays None.

    Raises ValueError for a naive one. Source: contract/formats.md#t1, #t4.

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
    """Write an aware instant as the clock on an Amsterdam wall shows it, without offset; None stays None.

    The style is `plain` (seconds) or `iso` (a T, and milliseconds, cut off). Raises ValueError for a naive instant and
    for any other style. Source: contract/formats.md#t2-T5.

    >>> amsterdam(datetime(2026, 7, 4, 9, 15, 9, 999_999, tzinfo=UTC), "iso")
    '2026-07-04T11:15:09.999'
    """
    if style not in _STYLES:
        raise ValueError(f"no style of time: {style!r}")
    if instant is None:
        return None

    return _aware(instant).astimezone(_AMSTERDAM).replace(tzinfo=None).isoformat(*_STYLES[style])


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError("an instant without a zone could be any hour")

    return instant
